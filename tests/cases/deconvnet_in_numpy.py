"""A DeconvNet in NumPy, step by step, with the Keras model that it inverts.

The layers are a strided convolution, ReLU, overlapping max pooling,
normalisation, dilated convolution, batch normalisation, ReLU, padding, average
pooling, convolution and ReLU. Nothing here is computed as a gradient.
"""

import keras
import numpy as np
from keras import layers

from keras_attn.layers import LocalResponseNormalization
from keras_attn.layers.parts.max_pooling2d import MaxPooling2D
from tests.cases.switches import local_response, pool, unpool
from tests.contracts.cases import draw_weights, keras_setting

SIZE = (11, 14)
LAYERS = ("conv1", "pool1", "norm1", "conv2", "relu2", "pool3", "conv3")
# Stride, padding before rows and columns, and dilation.
_FIRST = (2, (1, 0), 1)
_SECOND = (1, (2, 2), 2)


def model(data_format="channels_last", dtype=None):
    """Returns the Keras model."""
    first = data_format == "channels_first"
    axis = 1 if first else 3
    shape = (2, *SIZE) if first else (*SIZE, 2)
    with (
        keras_setting("image_data_format", data_format),
        keras_setting("dtype_policy", dtype),
    ):
        network = keras.Sequential(
            [
                keras.Input(shape),
                layers.Conv2D(4, 3, 2, "same", activation="relu", name="conv1"),
                MaxPooling2D(3, 2, padding=1, name="pool1"),
                LocalResponseNormalization(3, alpha=0.5, name="norm1"),
                layers.Conv2D(5, 3, padding="same", dilation_rate=2, name="c2"),
                layers.BatchNormalization(axis=axis, name="conv2"),
                layers.ReLU(name="relu2"),
                layers.Dropout(0.5, seed=0),
                layers.ZeroPadding2D(((1, 0), (0, 2))),
                layers.AveragePooling2D(2, 1, name="pool3"),
                layers.Conv2D(3, 2, activation="relu", name="conv3"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2),
            ]
        )
    # With most other seeds, ReLU zeroes one of the maps.
    draw_weights(network, np.random.default_rng(14))
    return network


def images(count=3):
    x = np.random.default_rng(0).normal(size=(count, *SIZE, 2))
    return x.astype("float32")


def _windows(kernel, size, stride, rate):
    """Yields each offset in the kernel, with the slices of pixels it covers."""
    counts = [
        (n - (k - 1) * rate - 1) // stride + 1
        for n, k in zip(size, kernel, strict=True)
    ]
    for offset in np.ndindex(*kernel):
        yield (
            offset,
            (
                slice(None),
                *(
                    slice(o * rate, o * rate + (n - 1) * stride + 1, stride)
                    for o, n in zip(offset, counts, strict=True)
                ),
            ),
        )


def _padding(size, kernel, stride, before, rate, counts):
    """Returns the padding before and after, for a number of outputs."""
    sides = zip(size, kernel, before, counts, strict=True)
    return [
        (0, 0),
        *(
            (b, max((c - 1) * stride + (k - 1) * rate + 1 - n - b, 0))
            for n, k, b, c in sides
        ),
        (0, 0),
    ]


def convolve(x, kernel, counts, stride=1, before=(0, 0), rate=1):
    """Convolves by looping over the offsets in the kernel."""
    spatial = kernel.shape[:2]
    x = np.pad(x, _padding(x.shape[1:3], spatial, stride, before, rate, counts))
    return sum(
        x[place] @ kernel[offset]
        for offset, place in _windows(spatial, x.shape[1:3], stride, rate)
    )


def transposed(y, kernel, size, stride=1, before=(0, 0), rate=1):
    """Spreads each value over the pixels that it was computed from."""
    spatial, counts = kernel.shape[:2], y.shape[1:3]
    widths = _padding(size, spatial, stride, before, rate, counts)
    padded = [n + sum(w) for n, w in zip(size, widths[1:3], strict=True)]
    x = np.zeros((len(y), *padded, kernel.shape[2]))
    for offset, place in _windows(spatial, padded, stride, rate):
        # The stride skips pixels at the end, which no kernel covers.
        x[place][:, : counts[0], : counts[1]] += y @ kernel[offset].T
    (top, _), (left, _) = widths[1:3]
    return x[:, top : top + size[0], left : left + size[1]]


def relu(x):
    return np.maximum(x, 0)


def average_kernel(channels):
    return np.broadcast_to(np.eye(channels) / 4, (2, 2, channels, channels))


class Steps:
    """Computes all maps of the model and projects any of them to the pixels."""

    def __init__(self, network, x):
        x = np.asarray(x, "float64")
        get = network.get_layer

        def kernel(name):
            return [np.asarray(w, "float64") for w in get(name).get_weights()]

        gamma, beta, mean, variance = kernel("conv2")
        self.scale = gamma / np.sqrt(variance + get("conv2").epsilon)
        (self.k1, b1), (self.k2, b2), (self.k3, b3) = map(
            kernel, ("conv1", "c2", "conv3")
        )
        maps = {}
        maps["conv1"] = relu(convolve(x, self.k1, (6, 7), *_FIRST) + b1)
        maps["pool1"], self.switches = pool(maps["conv1"], 3, 2, 1)
        maps["norm1"] = local_response(maps["pool1"], 3, 0.5)
        y = convolve(maps["norm1"], self.k2, (3, 4), *_SECOND) + b2
        maps["conv2"] = (y - mean) * self.scale + beta
        maps["relu2"] = relu(maps["conv2"])
        padded = np.pad(maps["relu2"], ((0, 0), (1, 0), (0, 2), (0, 0)))
        maps["pool3"] = convolve(padded, average_kernel(5), (3, 5))
        maps["conv3"] = relu(convolve(maps["pool3"], self.k3, (2, 4)) + b3)
        self.maps = maps

    def back(self, layer, y):
        """Projects maps of a layer back to the pixels."""
        at = LAYERS.index(layer)
        if at >= 6:
            y = transposed(relu(y), self.k3, (3, 5))
        if at >= 5:
            y = transposed(y, average_kernel(5), (4, 6))[:, 1:, :-2]
        if at >= 4:
            y = relu(y)
        if at >= 3:
            y = transposed(y * self.scale, self.k2, (3, 4), *_SECOND)
        if at >= 1:
            y = unpool(y, self.switches, (6, 7))
        return transposed(relu(y), self.k1, SIZE, *_FIRST)

    def fields(self, layer, seeds):
        """Returns masks of the pixels that activations may depend on."""

        def spread(y, size, kernel, *rest):
            found = transposed(y, np.ones((*kernel, 1, 1)), size, *rest)
            return (found > 0).astype(float)

        at = LAYERS.index(layer)
        y = (seeds > 0).astype(float)[..., None]
        if at >= 6:
            y = spread(y, (3, 5), (2, 2))
        if at >= 5:
            y = spread(y, (4, 6), (2, 2))[:, 1:, :-2]
        if at >= 3:
            y = spread(y, (3, 4), (3, 3), *_SECOND)
        if at >= 1:
            y = spread(y, (6, 7), (3, 3), 2, (1, 1))
        return spread(y, SIZE, (3, 3), *_FIRST)[..., 0]


def kept(maps, channel, strongest=None):
    """Returns the positive values of one map, optionally only the strongest."""
    y = np.zeros_like(maps)
    for i, row in enumerate(relu(maps[..., channel])):
        flat = row.ravel().copy()
        if strongest is not None:
            flat[np.argsort(-flat, kind="stable")[strongest:]] = 0
        y[i, ..., channel] = flat.reshape(row.shape)
    return y
