"""Layers, arrays that fit them, and their states."""

import keras
import numpy as np

from keras_attn.weights.files import to_numpy

FITTING = {"weight": np.arange(6.0).reshape(2, 3), "bias": np.array([7.0, 8])}


def built(layer, *shape):
    layer.build((None, *shape))
    return layer


def dense(**kwargs):
    return built(keras.layers.Dense(2, name="dense", **kwargs), 3)


def state_of(layer):
    return [np.array(to_numpy(variable)) for variable in layer.variables]


def assert_state(layer, expected):
    """Asserts that the state of a layer is exactly as expected."""
    for new, old in zip(state_of(layer), expected, strict=True):
        assert new.dtype == old.dtype
        assert new.tobytes() == old.tobytes()


def shapes(arrays):
    return {name: array.shape for name, array in arrays.items()}
