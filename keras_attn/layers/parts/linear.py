"""Linear maps of vectors, whose weights belong to an outer layer."""

from typing import Any

import keras
from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Tensor
from keras_attn.layers.parts.initializers import FanInUniform


def add_linear(
    layer: keras.layers.Layer,
    name: str,
    inputs: int,
    outputs: int,
    initializer: Any = None,
    use_bias: bool = True,
) -> None:
    """Adds the weights `{name}_kernel` and `{name}_bias` to a layer.

    Both are initialised as in PyTorch, by the number of inputs, or with
    `initializer`. They are not autocast, since they multiply statistics, which
    are float32 in any policy.
    """
    initializer = initializer or FanInUniform(inputs)
    shapes: dict[str, tuple[int, ...]] = {"kernel": (inputs, outputs)}
    if use_bias:
        shapes["bias"] = (outputs,)
    for suffix, shape in shapes.items():
        weight = layer.add_weight(
            name=f"{name}_{suffix}",
            shape=shape,
            initializer=initializer,
            autocast=False,
        )
        setattr(layer, weight.name, weight)


def linear(layer: keras.layers.Layer, name: str, x: Tensor) -> Tensor:
    """Returns `x W + b` with these weights, in the dtype of `x`."""
    kernel = ops.cast(getattr(layer, f"{name}_kernel"), x.dtype)
    bias = getattr(layer, f"{name}_bias", None)
    return backend.linear(
        x, kernel, None if bias is None else ops.cast(bias, x.dtype)
    )
