"""Maps arrays of PyTorch checkpoints to Keras variables."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from keras_attn.weights.layouts import Layout, get_layout

# Maps a name to an attribute and its layout, or to `None` for an array that
# PyTorch saves and Keras does not use.
Table = Mapping[str, tuple[str, str | Layout] | None]

_NORMALIZATION = {"weight": ("gamma", "same"), "bias": ("beta", "same")}
_BUILT_IN: dict[type[keras.layers.Layer], Table] = {
    keras.layers.Conv2D: {
        "weight": ("kernel", "conv"),
        "bias": ("bias", "same"),
    },
    keras.layers.Conv1D: {
        "weight": ("kernel", "conv1d"),
        "bias": ("bias", "same"),
    },
    keras.layers.DepthwiseConv2D: {
        "weight": ("kernel", "depthwise"),
        "bias": ("bias", "same"),
    },
    keras.layers.Dense: {
        "weight": ("kernel", "linear"),
        "bias": ("bias", "same"),
    },
    keras.layers.BatchNormalization: {
        **_NORMALIZATION,
        "running_mean": ("moving_mean", "same"),
        "running_var": ("moving_variance", "same"),
        "num_batches_tracked": None,
    },
    keras.layers.GroupNormalization: _NORMALIZATION,
    keras.layers.LayerNormalization: _NORMALIZATION,
}

NameFunction = Callable[[keras.Model], list[Any] | None]
_functions: list[NameFunction] = []


@dataclass(frozen=True)
class Slot:
    """The variable for one array, `None` if Keras does not use it."""

    variable: keras.Variable | None
    layout: Layout

    @property
    def path(self) -> str:
        """Path of the Keras variable, or `""` without one."""
        return "" if self.variable is None else self.variable.path


def register_names(function: NameFunction) -> NameFunction:
    """Registers the PyTorch names of the weights of a kind of model.

    Use it as a decorator beside the function that creates the model. All
    registered functions are called for a model. If several naming schemes
    fit, a checkpoint is read with the scheme that shares most names with it,
    and written with the scheme that was registered first.

    Args:
        function: Takes a built `keras.Model`, and returns `None` if the model
            is of another kind. Otherwise it returns a list of tuples
            `(prefix, layer)` or `(prefix, layer, layouts)` that covers all
            weights of the model. `prefix` is the part of the PyTorch name
            before the last dot, or `""`. `layouts` maps last parts of names
            to layouts, or names of layouts, that replace the defaults; of the
            alternative names of a layer, only those that include these parts
            are used. If `layer` is `None`, all weights whose names begin with
            the prefix are ignored. A list of such lists holds alternative
            naming schemes.

    Returns:
        The function, unchanged.

    Example:

    >>> @keras_attn.weights.register_names
    ... def names(model):
    ...     if model.name != "example_of_names":
    ...         return None
    ...     return [("net.0", model.layers[0])]
    >>> model = keras.Sequential(name="example_of_names")
    >>> model.add(keras.Input((3,)))
    >>> model.add(keras.layers.Dense(2))
    >>> sorted(keras_attn.weights.to_torch(model))
    ['net.0.bias', 'net.0.weight']
    """
    _functions.append(function)
    return function


def find_slots(
    target: keras.layers.Layer, keys: Collection[str] | None = None
) -> dict[str, Slot]:
    """Returns the slots of all arrays that the target knows, by name.

    `keys` are the names in a checkpoint. They decide between alternatives;
    without them, the first alternatives are used.
    """
    if not isinstance(target, keras.layers.Layer):
        raise ValueError(
            "`target` must be a Keras layer or model. "
            f"Received: target={target!r}"
        )
    _check_built(target)
    if _tables(target):
        schemes = [[("", target)]]
    elif isinstance(target, keras.Model):
        schemes = [s for f in _functions for s in _schemes(f(target))]
    else:
        schemes = []
    if not schemes:
        raise ValueError(_unsupported(target))
    slots = _best([_expand(scheme, keys) for scheme in schemes], keys)
    named = {id(slot.variable) for slot in slots.values()}
    unnamed = [v.path for v in target.weights if id(v) not in named]
    if unnamed:
        raise ValueError(
            f"Every weight of {describe(target)} must have a PyTorch name. "
            f"Received: no name for {unnamed}. Add one to the `torch_names` "
            "of the layer, or to the registered function of the model."
        )
    return slots


def describe(target: keras.layers.Layer) -> str:
    """Returns the name and class of a layer, for error messages."""
    return f"`{target.name}` ({type(target).__name__})"


def _schemes(found: list | None) -> list[list[tuple]]:
    """Returns the result of a registered function as a list of schemes."""
    if not found:
        return []
    return found if isinstance(found[0], list) else [found]


def _expand(
    scheme: list[tuple], keys: Collection[str] | None
) -> dict[str, Slot]:
    """Returns the slots of a naming scheme."""
    slots: dict[str, Slot] = {}
    for prefix, layer, *rest in scheme:
        if layer is None:
            unused = Slot(None, get_layout("same"))
            start = f"{prefix}."
            slots |= {n: unused for n in keys or () if n.startswith(start)}
            continue
        _check_built(layer)
        tables = _tables(layer)
        if not tables:
            raise ValueError(_unsupported(layer))
        layouts = rest[0] if rest else {}
        if not any(layouts.keys() <= table.keys() for table in tables):
            unknown = set(layouts).difference(*tables)
            raise ValueError(
                f"Layouts for {describe(layer)} must be for its names "
                f"{sorted(set().union(*tables))}. "
                f"Received: {sorted(unknown or layouts)}"
            )
        start = f"{prefix}." if prefix else ""
        choices = [
            _layer_slots(layer, table, layouts, start)
            for table in tables
            if layouts.keys() <= table.keys()
        ]
        found = _best(choices, keys)
        if taken := sorted(slots.keys() & found.keys()):
            raise ValueError(
                f"A name must belong to one layer. Received: {taken} for "
                f"{describe(layer)} and for an earlier layer"
            )
        slots |= found
    return slots


def _layer_slots(
    layer: keras.layers.Layer,
    table: Table,
    layouts: Mapping[str, str | Layout],
    start: str,
) -> dict[str, Slot]:
    """Returns the slots of a layer according to one of its tables."""
    slots = {}
    for name, entry in table.items():
        if entry is None:
            slots[start + name] = Slot(None, get_layout("same"))
            continue
        attribute, layout = entry
        variable = layer
        for part in attribute.split("."):
            variable = getattr(variable, part, None)
        if variable is None:  # such as the bias of a layer without one
            continue
        if not isinstance(variable, keras.Variable):
            raise ValueError(
                f"`{attribute}` of {describe(layer)} must be a variable. "
                "Quantized layers and layers with LoRA are not supported. "
                f"Received: {type(variable).__name__}"
            )
        layout = get_layout(layouts.get(name, layout))
        slots[start + name] = Slot(variable, layout)
    return slots


def _best(
    candidates: list[dict[str, Slot]], keys: Collection[str] | None
) -> dict[str, Slot]:
    """Returns the candidate that fits the keys best; ties go to the first."""
    if keys is None:
        return candidates[0]

    def fit(slots: dict[str, Slot]) -> tuple[int, int]:
        shared = slots.keys() & keys
        needed = {n for n, s in slots.items() if s.variable is not None}
        return len(shared), -len(needed - shared)

    return max(candidates, key=fit)


def _tables(layer: keras.layers.Layer) -> tuple[Table, ...]:
    """Returns the alternative tables of a layer, possibly none."""
    tables = getattr(layer, "torch_names", None)
    if tables is not None:
        return (tables,) if isinstance(tables, Mapping) else tuple(tables)
    for kind, table in _BUILT_IN.items():
        if isinstance(layer, kind):
            return (table,)
    return ()


def _check_built(layer: keras.layers.Layer) -> None:
    """Rejects a layer whose weights do not exist yet."""
    if not layer.built:
        raise ValueError(
            f"{describe(layer)} must be built before its weights can be loaded "
            "or exported. Received: built=False. Call it on data, or call "
            "`build(input_shape)`."
        )


def _unsupported(target: keras.layers.Layer) -> str:
    """Returns the message for a layer or model without known names."""
    return (
        "The target must be a layer of keras_attn, a model whose names are "
        "registered with `register_names`, or one of the Keras layers "
        f"{[kind.__name__ for kind in _BUILT_IN]}. "
        f"Received: {describe(target)}"
    )
