"""Attention blocks by name, for whoever has a slot for one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import keras

Layer = TypeVar("Layer", bound=keras.layers.Layer)

# Where a block can stand in a network of stages: at the end of each branch or
# of the last one of a stage, before each convolution, or as one layer with a
# state that all blocks of a stage share.
PLACEMENTS = ("block", "last", "convolution", "shared")


@dataclass(frozen=True)
class Block:
    """A class of attention blocks, and where it belongs.

    Args:
        cls: The class.
        placement: One of `PLACEMENTS`, where its paper puts it.
        of_stages: Arguments that its official models give by stage, from the
            first one, or nothing.
    """

    cls: type[keras.layers.Layer]
    placement: str = "block"
    of_stages: tuple[dict[str, Any], ...] = ()


_BLOCKS: dict[str, Block] = {}


def attention_block(
    name: str,
    placement: str = "block",
    of_stages: tuple[dict[str, Any], ...] = (),
) -> Callable[[type[Layer]], type[Layer]]:
    """Returns a decorator that makes a class a block of this name.

    It registers the class with Keras, too. For the arguments see `Block`.
    """

    def register(cls: type[Layer]) -> type[Layer]:
        cls = keras.saving.register_keras_serializable("keras_attn")(cls)
        _BLOCKS[name] = Block(cls, placement, of_stages)
        return cls

    return register


def placement_of(layer: keras.layers.Layer) -> str:
    """Returns where the paper of a block puts it; `"block"` for others."""
    for block in _BLOCKS.values():
        if type(layer) is block.cls:
            return block.placement
    return "block"


def arguments_of_stage(identifier: Any, stage: int) -> dict[str, Any]:
    """Returns what the official models of a name give it in a stage, from 1."""
    if isinstance(identifier, str) and identifier in _BLOCKS:
        of_stages = _BLOCKS[identifier].of_stages
        return of_stages[stage - 1] if of_stages else {}
    return {}


def names() -> list[str]:
    """Returns the names of the attention blocks, for `keras_attn.layers.get`.

    Each takes a feature map and returns one of the same shape.

    Returns:
        A sorted list of strings.

    Example:

    >>> "eca" in keras_attn.layers.names()
    True
    """
    return sorted(_BLOCKS)


def get(identifier: Any, **kwargs: Any) -> keras.layers.Layer:
    """Returns a new attention block, by whatever says which one.

    Args:
        identifier: A name out of `keras_attn.layers.names()`, a class of
            layers, a function that returns a layer, or a layer's config as
            `keras.layers.serialize` gives it.
        **kwargs: Arguments of the layer. Of a config, they replace what it
            holds.

    Returns:
        A `keras.layers.Layer`, not built, and another one at each call.

    Raises:
        ValueError: If the identifier is none of these, or if what it stands
            for gives no layer.

    Example:

    >>> keras_attn.layers.get("eca", kernel_size=5).kernel_size
    5
    >>> config = keras.layers.serialize(keras_attn.layers.SE(ratio=8))
    >>> keras_attn.layers.get(config).ratio
    8
    """
    if isinstance(identifier, str) and identifier in _BLOCKS:
        return _BLOCKS[identifier].cls(**kwargs)
    if isinstance(identifier, dict) and "class_name" in identifier:
        config = {**identifier.get("config", {}), **kwargs}
        return keras.layers.deserialize({**identifier, "config": config})
    if callable(identifier) and not isinstance(identifier, keras.layers.Layer):
        layer = identifier(**kwargs)
        if isinstance(layer, keras.layers.Layer):
            return layer
        raise ValueError(
            "A function must return a Keras layer. "
            f"Received: {identifier!r}, which returned {layer!r}"
        )
    fix = ""
    if isinstance(identifier, keras.layers.Layer):
        fix = (
            ". Pass its class or config, as each place needs a layer of its own"
        )
    raise ValueError(
        f"An attention block is one of {names()}, a class of layers, a "
        "function that returns a layer, or a layer's config. "
        f"Received: {identifier!r}{fix}"
    )
