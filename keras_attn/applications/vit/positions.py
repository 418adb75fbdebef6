"""Position embeddings of checkpoints for another grid."""

from collections.abc import Sequence
from math import isqrt

import numpy as np

from keras_attn.layers.parts.position_embedding import Matrix, interpolated
from keras_attn.weights.layouts import Layout, Shape


class Positions(Layout):
    """The layout of a position embedding, possibly for another grid.

    Checkpoints do not state their grid, so it is assumed to be a square.

    Args:
        grid: Pair of integers, the rows and columns of the model's patches.
        before: Integer, the number of tokens before the patches.
        matrix: Function that returns the matrix of the interpolation of one
            axis.
    """

    before: int

    def __init__(self, grid: Sequence[int], before: int, matrix: Matrix):
        def to_keras(array: np.ndarray, shape: Shape) -> np.ndarray:
            if array.shape == tuple(shape):
                return array
            side = isqrt(array.shape[1] - before)
            return interpolated(array, (side, side), grid, matrix)

        super().__init__(f"positions{tuple(grid)}", to_keras, lambda x: x)
        object.__setattr__(self, "before", before)

    def fit(self, array: np.ndarray, keras_shape: Shape) -> np.ndarray:
        if array.ndim != 3 or array.shape[::2] != tuple(keras_shape)[::2]:
            return super().fit(array, keras_shape)
        places = array.shape[1] - self.before
        same = array.shape == tuple(keras_shape)
        if same or (places > 0 and isqrt(places) ** 2 == places):
            return np.asarray(array)
        return super().fit(array, keras_shape)


def smoothed(source: int, target: int) -> np.ndarray:
    """Returns the matrix of bicubic interpolation with antialiasing.

    timm resizes position embeddings like images: positions are squares, and
    the kernel, Keys' with `a = -1/2`, is widened when there are fewer of them.
    """
    scale = source / target
    centers = (np.arange(target) + 0.5) * scale - 0.5
    distance = np.arange(source) - centers[:, None]
    weights = _cubic(distance / max(scale, 1.0), -0.5)
    return weights / weights.sum(1, keepdims=True)


def aligned(source: int, target: int) -> np.ndarray:
    """Returns the matrix of bicubic interpolation with aligned corners.

    torchvision's `interpolate_embeddings` applies it, with `a = -3/4` in Keys'
    kernel. Positions beyond the border repeat the outermost ones.
    """
    points = np.arange(target) * (source - 1) / max(target - 1, 1)
    before = np.floor(points).astype(int)
    matrix = np.zeros((target, source))
    for step in range(-1, 3):
        column = np.clip(before + step, 0, source - 1)
        weight = _cubic(points - (before + step), -0.75)
        np.add.at(matrix, (np.arange(target), column), weight)
    return matrix


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    """Returns Keys' cubic convolution kernel at `x`."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
