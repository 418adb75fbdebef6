"""Bilinear interpolation in both of the conventions in use."""

import numpy as np
from keras import ops


def bilinear_matrix(source, target, align_corners=False):
    """Returns the matrix `(target, source)` that resizes one axis.

    Row `i` mixes the two pixels beside the place `p(i)`, linearly. Without
    `align_corners`, pixels are squares: `p = (i + 1/2) source / target - 1/2`,
    cut off at the first and the last pixel. With it they are points, and the
    outermost ones stay where they are: `p = i (source - 1) / (target - 1)`.
    Not smoothed first where `target` is the smaller one.
    """
    i = np.arange(target)
    if align_corners:
        place = i * ((source - 1) / max(target - 1, 1))
    else:
        place = np.clip((i + 0.5) * (source / target) - 0.5, 0, source - 1)
    before = np.minimum(place.astype(int), max(source - 2, 0))
    share = place - before
    matrix = np.zeros((target, source), "float32")
    matrix[i, before] = 1 - share
    if source > 1:
        matrix[i, before + 1] = share
    return matrix


def resize(maps, size, align_corners=False):
    """Resizes maps `(n, height, width)` to a `size`, `(height, width)`."""
    height, width = maps.shape[1:]
    rows = bilinear_matrix(height, size[0], align_corners)
    columns = bilinear_matrix(width, size[1], align_corners)
    # The rows last: by then it is one product of few numbers a pixel.
    maps = ops.matmul(maps, ops.convert_to_tensor(columns.T))
    return ops.matmul(ops.convert_to_tensor(rows), maps)
