"""Functions from tensor to tensor that models share."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras

from keras_attn.applications.common.arguments import Activation
from keras_attn.applications.common.images import channel_axis
from keras_attn.layers.parts.batch_normalization import BatchNormalization
from keras_attn.layers.parts.initializers import FanInUniform


def dense(x: Any, units: int, name: str) -> Any:
    """Applies a linear layer, with PyTorch's initial weights."""
    return keras.layers.Dense(
        units,
        kernel_initializer=FanInUniform(x.shape[-1]),
        bias_initializer=FanInUniform(x.shape[-1]),
        name=name,
    )(x)


def batch_norm(x: Any, name: str) -> Any:
    """Applies batch normalisation with PyTorch's momentum and epsilon."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def pool_features(x: Any, pooling: str | None, suffix: str = "") -> Any:
    """Pools a feature map to a vector, or returns it if `pooling` is `None`."""
    if pooling == "avg":
        return keras.layers.GlobalAveragePooling2D(name=f"avg_pool{suffix}")(x)
    if pooling == "max":
        return keras.layers.GlobalMaxPooling2D(name=f"max_pool{suffix}")(x)
    return x


def activate(x: Any, activation: Activation, name: str = "predictions") -> Any:
    """Applies the final activation of a model over the classes.

    It is computed in float32, so that probabilities sum to 1 in mixed
    precision.
    """
    if activation == "softmax" and len(x.shape) == 4:
        axis = 1 if channel_axis() == 1 else -1
        return keras.layers.Softmax(axis, dtype="float32", name=name)(x)
    return keras.layers.Activation(activation, dtype="float32", name=name)(x)


def seeds_from(seed: int | None) -> Iterator[int | None]:
    """Returns different seeds for the dropout layers, or `None` for each."""
    return itertools.repeat(None) if seed is None else itertools.count(seed)
