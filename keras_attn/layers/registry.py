"""Attention blocks by name, for models that take any of them."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import keras

Layer = TypeVar("Layer", bound=keras.layers.Layer)

# Where a network with stages places a block: at the end of every branch, at the
# end of the last branch of a stage, or before every convolution. Or as one
# layer with a state that all residual blocks of a stage share, or instead of
# the first 3x3 convolution of every branch.
PLACEMENTS = ("block", "last", "convolution", "shared", "replace")


@dataclass(frozen=True)
class Block:
    """An attention block class and its place in a network.

    Args:
        cls: The class.
        placement: One of `PLACEMENTS`, the placement in the paper.
        of_stages: The arguments in each stage of the official models, from the
            first stage on, or an empty tuple.
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
    """Returns a decorator that registers a class as a block of this name.

    It also registers the class with Keras. For the arguments see `Block`.
    """

    def register(cls: type[Layer]) -> type[Layer]:
        cls = keras.saving.register_keras_serializable("keras_attn")(cls)
        _BLOCKS[name] = Block(cls, placement, of_stages)
        return cls

    return register


def placement_of(layer: keras.layers.Layer) -> str:
    """Returns the placement of a block in its paper; `"block"` for others."""
    for block in _BLOCKS.values():
        if type(layer) is block.cls:
            return block.placement
    return "block"


def arguments_of_stage(identifier: Any, stage: int) -> dict[str, Any]:
    """Returns a block's arguments in a stage of its official models.

    Stages are counted from 1.
    """
    if isinstance(identifier, str) and identifier in _BLOCKS:
        of_stages = _BLOCKS[identifier].of_stages
        return of_stages[stage - 1] if of_stages else {}
    return {}


def names() -> list[str]:
    """Returns the names of the attention blocks, for `keras_attn.layers.get`.

    Every block maps a feature map to one of the same shape.

    Returns:
        A sorted list of strings.

    Example:

    >>> "eca" in keras_attn.layers.names()
    True
    """
    return sorted(_BLOCKS)


def get(identifier: Any, **kwargs: Any) -> keras.layers.Layer:
    """Returns a new attention block for an identifier.

    Args:
        identifier: A name from `keras_attn.layers.names()`, a layer class, a
            function that returns a layer, or the config of a layer as
            returned by `keras.layers.serialize`.
        **kwargs: Arguments of the layer. They override those in a config.

    Returns:
        A `keras.layers.Layer`, not built. Every call returns a new one.

    Raises:
        ValueError: If the identifier is not one of these, or if a function
            does not return a layer.

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
    if isinstance(identifier, str):
        near = difflib.get_close_matches(identifier.lower(), names(), 1)
        fix = f". Did you mean {near[0]!r}?" if near else ""
    if isinstance(identifier, keras.layers.Layer):
        fix = (
            ". Pass its class or config, since every place needs its own layer."
        )
    raise ValueError(
        f"The attention block must be one of {names()}, a layer class, a "
        "function that returns a layer, or the config of a layer. "
        f"Received: {identifier!r}{fix}"
    )
