"""The device of the backend, what it supports and its precision."""

import functools

import keras
import numpy as np
from keras import ops

FORMATS = ("channels_last", "channels_first")

# Relative to the largest magnitude in an array. The order of a sum on a GPU
# depends on the shape, and products are fused even without TF32.
TOLERANCES = {"cpu": 1e-5, "gpu": 1e-4}


def device():
    """Returns "gpu" if the backend computes on one, and "cpu" otherwise."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return "gpu" if torch.cuda.is_available() else "cpu"
    if backend == "tensorflow":
        import tensorflow as tf

        return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    import jax

    return "gpu" if jax.default_backend() in ("gpu", "cuda", "rocm") else "cpu"


def tolerance():
    """Returns the relative difference that rounding explains on this device."""
    return TOLERANCES[device()]


@functools.cache
def format_error(data_format):
    """Returns why images cannot be convolved in a format, or `None`.

    On a CPU, TensorFlow supports channels first only with oneDNN enabled. One
    convolution tests this, and the result is cached.
    """
    image = np.ones((1, 4, 4, 4), "float32")
    try:
        keras.layers.Conv2D(4, 3, data_format=data_format)(image)
    except Exception as error:
        message = str(error).strip().splitlines() or [""]
        return f"{data_format} fails: {type(error).__name__}: {message[0]}"
    return None


def to_format(array, data_format):
    """Converts a channels-last batch of images to `data_format`."""
    if data_format == "channels_last" or array.ndim != 4:
        return array
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def from_format(array, data_format):
    """Converts a batch of images in `data_format` to channels last."""
    if data_format == "channels_last" or array.ndim != 4:
        return array
    return array.transpose(0, 2, 3, 1)


def to_numpy(structure):
    """Returns copies of nested tensors or variables as a flat list."""
    return [
        np.array(ops.convert_to_numpy(tensor))
        for tensor in keras.tree.flatten(structure)
    ]


def difference(actual, expected):
    """Returns the largest difference, relative to the expected magnitude."""
    if np.shape(actual) != np.shape(expected):
        return np.inf
    actual = np.asarray(actual, "float64")
    expected = np.asarray(expected, "float64")
    if expected.size == 0 or np.array_equal(actual, expected):
        return 0.0
    scale = np.abs(expected).max()
    # Smaller magnitudes are noise.
    largest = np.abs(actual - expected).max() / max(scale, 1e-6)
    return float(largest) if np.isfinite(largest) else np.inf


def assert_close(actual, expected, rtol=None, what="outputs"):
    """Asserts that nested arrays agree, relative to their magnitude."""
    rtol = tolerance() if rtol is None else rtol
    actual, expected = keras.tree.flatten(actual), keras.tree.flatten(expected)
    assert len(actual) == len(expected), f"{what}: different number of arrays"
    for a, e in zip(actual, expected, strict=True):
        assert np.shape(a) == np.shape(e), (
            f"{what}: shape {np.shape(a)}, expected {np.shape(e)}"
        )
        found = difference(a, e)
        assert found <= rtol, f"{what}: difference {found:.2e} > {rtol:.0e}"
