"""Linear maps of vectors, as weights of the layer that holds them."""

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
    """Gives a layer the weights `{name}_kernel` and `{name}_bias`.

    Both start as PyTorch draws them, by the number of inputs, or by the
    `initializer`. They are not autocast: the vectors that they meet are
    statistics, in float32, whatever the layer computes in.
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
    """Returns `x W + b` by these weights, in the dtype of `x`."""
    kernel = ops.cast(getattr(layer, f"{name}_kernel"), x.dtype)
    bias = getattr(layer, f"{name}_bias", None)
    return backend.linear(
        x, kernel, None if bias is None else ops.cast(bias, x.dtype)
    )
