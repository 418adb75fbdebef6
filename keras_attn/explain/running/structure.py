"""The layers and operations of a model, by path."""

import difflib
from collections.abc import Iterator

import keras

_OURS = "keras_attn>"


def operations(model: keras.Model) -> list[tuple[str, keras.Operation]]:
    """Returns layers and operations at any depth, with their paths.

    A path joins names with `/`, starting below the model, like the paths of
    Keras variables. A shared layer has one path for each place.
    """
    found: list[tuple[str, keras.Operation]] = []
    todo = [("", model, frozenset())]
    while todo:
        path, parent, above = todo.pop(0)
        for child in _children(parent):
            if id(child) in above or isinstance(child, keras.layers.InputLayer):
                continue
            place = f"{path}{child.name}"
            found.append((place, child))
            todo.append((f"{place}/", child, above | {id(child)}))
    return found


def data_format(layer: keras.Operation) -> str | None:
    """Returns the data format of a layer, or `None` if it has none."""
    own = getattr(layer, "data_format", None)
    return own if own in ("channels_first", "channels_last") else None


def is_attention(layer: keras.Operation) -> bool:
    """Returns whether a layer is an attention layer of keras_attn."""
    name = keras.saving.get_registered_name(type(layer))
    return hasattr(layer, "attention") and name.startswith(_OURS)


def is_self_attention(layer: keras.Operation) -> bool:
    """Returns whether a layer is self-attention of keras_attn or Keras."""
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return True
    return is_attention(layer) and hasattr(layer, "qkv_bias")


def is_attention_pooling(layer: keras.Operation) -> bool:
    """Returns whether a layer of keras_attn pools tokens by attention."""
    name = keras.saving.get_registered_name(type(layer))
    return name == f"{_OURS}AttentionPooling"


def find(model: keras.Model, layer: str | keras.Operation) -> keras.Operation:
    """Finds a layer by its path, by a unique name, or as an object.

    Raises:
        ValueError: If there is no such layer (the error suggests similar
            names), or if the name is ambiguous.
    """
    known = operations(model)
    if not isinstance(layer, str):
        if any(layer is each for _, each in known):
            return layer
        raise ValueError(
            f"`layer` must be a layer of the model {model.name!r}, its name or "
            f"its path. Received: layer={layer!r}, which is not in the model"
        )
    for matches in (
        {path: each for path, each in known if path == layer},
        {path: each for path, each in known if path.endswith(f"/{layer}")},
    ):
        different = {id(each): each for each in matches.values()}
        if len(different) == 1:
            return next(iter(different.values()))
        if different:
            raise ValueError(
                f"`layer` must name one layer. Received: layer={layer!r}, "
                f"which could be any of {sorted(matches)}"
            )
    paths = [path for path, _ in known]
    near = difflib.get_close_matches(layer, paths, 8, 0.4)
    raise ValueError(
        f"`layer` must be the name or path of a layer of the model "
        f"{model.name!r}. Received: layer={layer!r}. Did you mean one of "
        f"{near or paths[-8:]}?"
    )


def _children(parent: keras.Operation) -> Iterator[keras.Operation]:
    """Yields the direct children, each once."""
    if isinstance(parent, keras.Model):
        # A functional model also has operations that are not layers.
        inside = getattr(parent, "operations", parent.layers)
    else:
        inside = list(vars(parent).values())
    seen = set()
    while inside:
        value, *inside = inside
        if isinstance(value, keras.Operation):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
        elif isinstance(value, dict):
            inside = [*value.values(), *inside]
        elif isinstance(value, (list, tuple, set)):
            inside = [*value, *inside]
