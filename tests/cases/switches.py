"""Local response normalisation, max pooling and unpooling."""

import keras
import numpy as np

from keras_attn.layers import (
    LocalResponseNormalization,
    MaxPooling2DWithIndices,
    MaxUnpooling2D,
)
from tests.contracts import LayerCase, ModelCase


def local_response(x, size=5, alpha=1e-4, beta=0.75, k=2.0):
    """Sums over neighbouring channels, one channel at a time."""
    y = np.empty_like(x)
    for c in range(x.shape[3]):
        beside = x[..., max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        y[..., c] = x[..., c] / (k + alpha * (beside**2).sum(3)) ** beta
    return y


def pool(x, size=2, stride=None, padding=0):
    """Pools square windows, one at a time.

    Returns the maxima and the index of the first maximum in each window.
    """
    stride = stride or size
    batch, *sides, channels = x.shape
    counts = [(n + 2 * padding - size) // stride + 1 for n in sides]
    y = np.empty((batch, *counts, channels))
    indices = np.empty(y.shape, int)
    for b, i, j, c in np.ndindex(*y.shape):
        window = {
            row * sides[1] + column: x[b, row, column, c]
            for row in range(i * stride - padding, i * stride - padding + size)
            for column in range(
                j * stride - padding, j * stride - padding + size
            )
            if 0 <= row < sides[0] and 0 <= column < sides[1]
        }
        # `max` returns the first of equal values.
        best = max(window, key=window.get)
        y[b, i, j, c], indices[b, i, j, c] = window[best], best
    return y, indices


def unpool(values, indices, size, collisions="add"):
    """Puts values back in their places, one at a time."""
    batch, _, _, channels = values.shape
    y = np.zeros((batch, size[0] * size[1], channels))
    for b, i, j, c in np.ndindex(*values.shape):
        place = b, indices[b, i, j, c], c
        there = y[place] if collisions == "add" else 0
        y[place] = there + values[b, i, j, c]
    return y.reshape(batch, *size, channels)


def there_and_back(collisions):
    """Returns a function that makes a model of pooling and unpooling."""

    def make(input_shape):
        image = keras.Input(input_shape)
        pooling = MaxPooling2DWithIndices(3, 2, padding=1, name="pool")
        unpooling = MaxUnpooling2D(collisions=collisions, name="unpool")
        # Different factors, or colliding values would be equal.
        values, indices = pooling(image)
        values = LocalResponseNormalization(3, alpha=1.0, k=1.0)(values)
        y = unpooling([values, indices], like=image)
        return keras.Model(image, y)

    make.__name__ = f"there_and_back_{collisions}"
    return make


LOCAL_RESPONSE = (
    LayerCase(
        cls=LocalResponseNormalization,
        kwargs={"alpha": 0.5},
        shape=(3, 4, 9),
        reference=lambda weights, x: local_response(x, alpha=0.5),
    ),
    LayerCase(
        cls=LocalResponseNormalization,
        kwargs={"size": 4, "alpha": 2.0, "k": 1.0, "convention": "torch"},
        shape=(3, 4, 6),
        reference=lambda weights, x: local_response(x, 4, 2.0 / 4, k=1.0),
    ),
)
SWITCHES = tuple(
    ModelCase(
        function=there_and_back(collisions),
        shape=(5, 8, 4),
    )
    for collisions in ("add", "overwrite")
)
