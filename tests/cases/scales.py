"""Resizing, and attention to scale."""

import numpy as np

from keras_attn.layers.attention_to_scale import AttentionToScale
from keras_attn.layers.bilinear_resizing import BilinearResizing
from tests.cases.equations import relu
from tests.cases.explained_in_numpy import resize, softmax
from tests.contracts import LayerCase


def resize_images(x, size, align_corners=True):
    """Resizes `(n, height, width, channels)`, a channel at a time."""
    maps = [resize(x[..., c], size, align_corners) for c in range(x.shape[3])]
    return np.stack(maps, axis=3)


def convolve_3x3(x, kernel, bias):
    height, width = x.shape[1:3]
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return bias + sum(
        x[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(3)
        for j in range(3)
    )


def scale_weights(weights, features, size):
    x = [resize_images(each, size) for each in features]
    x = np.concatenate(x, axis=3)
    x = convolve_3x3(x, weights["hidden/kernel"], weights["hidden/bias"])
    x = relu(x) @ weights["logits/kernel"][0, 0] + weights["logits/bias"]
    return softmax(x)


def attention_to_scale(weights, scores):
    size = scores[0].shape[1:3]
    shares = scale_weights(weights, scores, size)
    return sum(
        shares[..., s : s + 1] * resize_images(each, size)
        for s, each in enumerate(scores)
    )


def average(weights, scores):
    maps = [resize_images(each, scores[0].shape[1:3]) for each in scores]
    return np.mean(maps, axis=0)


def maximum(weights, scores):
    maps = [resize_images(each, scores[0].shape[1:3]) for each in scores]
    return np.max(maps, axis=0)


SHAPES = [(6, 5, 3), (3, 3, 3), (4, 2, 3)]
SCALES = (
    LayerCase(
        cls=BilinearResizing,
        kwargs={"height": 9, "width": 4},
        shape=(6, 5, 2),
        reference=lambda weights, x: resize_images(x, (9, 4)),
    ),
    LayerCase(
        cls=BilinearResizing,
        kwargs={"scale_factor": 0.5},
        shape=(7, 4, 2),
        reference=lambda weights, x: resize_images(x, (4, 2)),
    ),
    LayerCase(
        cls=BilinearResizing,
        kwargs={"scale_factor": 1.5, "align_corners": False},
        shape=(6, 5, 2),
        reference=lambda weights, x: resize_images(x, (9, 7), False),
    ),
    LayerCase(
        cls=AttentionToScale,
        products_in_half=True,
        kwargs={"filters": 8, "seed": 1},
        shape=SHAPES,
        num_weights=4,
        random=True,
        reference=attention_to_scale,
    ),
    LayerCase(
        cls=AttentionToScale,
        kwargs={"merge": "average"},
        shape=SHAPES,
        reference=average,
    ),
    LayerCase(
        cls=AttentionToScale,
        kwargs={"merge": "maximum"},
        shape=SHAPES,
        reference=maximum,
    ),
)
