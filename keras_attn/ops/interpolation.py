"""Bilinear interpolation in the two common conventions."""

from math import prod
from typing import Any

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Pair, Sides, Tensor


def bilinear_matrix(
    source: int | Tensor, target: int | Tensor, align_corners: bool = False
) -> np.ndarray | Tensor:
    """Returns the matrix `(target, source)` that resizes one axis.

    Row `i` interpolates linearly between the two pixels next to the position
    `p(i)`. Without `align_corners`, pixels are squares, and
    `p = (i + 1/2) source / target - 1/2`, clipped to the first and last pixel.
    With it, pixels are points and the outermost ones keep their place:
    `p = i (source - 1) / (target - 1)`. Nothing is smoothed when downsampling.

    The sizes are integers, or tensors if they are only known at run time. The
    matrix is then a tensor too.
    """
    static = isinstance(source, int) and isinstance(target, int)
    math = np if static else ops
    i = math.arange(target)
    # `p = above / below` in integers, so that no size is too large for float32.
    if align_corners:
        above = i * (source - 1)
        below = math.maximum(target - 1, 1)
    else:
        last = 2 * target * (source - 1)
        above = math.clip((2 * i + 1) * source - target, 0, last)
        below = 2 * target
    before = math.minimum(above // below, math.maximum(source - 2, 0))
    share = _float32(math, above - before * below) / _float32(math, below)
    ahead = math.arange(source)[None, :] - before[:, None]
    share = share[:, None]
    return math.where(
        ahead == 0,
        1 - share,
        math.where(ahead == 1, share, math.zeros_like(share)),
    )


def resize(
    maps: Tensor, size: Sides, align_corners: bool = False, axes: Pair = (1, 2)
) -> Tensor:
    """Resizes maps to `size`, the numbers of rows and columns.

    `axes` are the axes of the rows and columns, in this order. The sizes may be
    tensors.
    """
    # Columns first. The product over the rows then has fewer numbers per pixel.
    for axis, target in reversed(tuple(zip(axes, size, strict=True))):
        source = ops.shape(maps)[axis]
        known = isinstance(source, int) and isinstance(target, int)
        if not known or source != target:
            matrix = bilinear_matrix(source, target, align_corners)
            maps = multiply(
                ops.convert_to_tensor(matrix, maps.dtype), maps, axis
            )
    return maps


def nearest(labels: Tensor, size: Sides) -> Tensor:
    """Resizes labels `(n, height, width)` by nearest neighbours.

    `size` holds the numbers of rows and columns, which may be tensors. Row `i`
    is the row nearest to `p = i (height - 1) / (rows - 1)`, as with
    `align_corners`. If two are equally near, it is the later one. The same
    holds for columns.
    """
    for axis, target in zip((1, 2), size, strict=True):
        source = ops.shape(labels)[axis]
        known = isinstance(source, int) and isinstance(target, int)
        if known and source == target:
            continue
        steps = ops.maximum(target - 1, 1)
        places = (2 * ops.arange(target) * (source - 1) + steps) // (2 * steps)
        labels = ops.take(labels, places, axis)
    return labels


def _float32(math: Any, x: Tensor) -> Tensor:
    return np.float32(x) if math is np else ops.cast(x, "float32")


def multiply(matrix: Tensor, maps: Tensor, axis: int) -> Tensor:
    """Multiplies an axis of maps by a matrix."""
    shape = list(ops.shape(maps))
    axis = axis % len(shape)
    if axis == len(shape) - 1:
        return ops.matmul(maps, ops.transpose(matrix))
    # PyTorch cannot infer -1 for an empty batch.
    rest = shape[axis + 1 :]
    known = all(isinstance(side, int) for side in rest)
    flat = (*shape[: axis + 1], prod(rest) if known else -1)
    rows = ops.shape(matrix)[0]
    shape[axis] = rows if isinstance(rows, int) else -1
    product = ops.matmul(matrix, ops.reshape(maps, flat))
    return ops.reshape(product, shape)
