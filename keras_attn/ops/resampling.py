"""Resampling with smoothing, as Pillow and PyTorch do with `antialias=True`."""

from typing import Any

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Tensor

# The names of the kernels.
KERNELS = ("bilinear", "bicubic")


def resampling_matrix(
    source: int | Tensor,
    target: int | Tensor,
    start: int | Tensor,
    count: int,
    kernel: str,
) -> np.ndarray | Tensor:
    """Returns rows of the matrix `(target, source)` that resizes one axis.

    Row `i` is `k(t) / sum(k(t))` over the pixels `j` of the source. `t` is the
    distance of the centres in pixels of the smaller image,
    `t = ((j + 1/2) target - (i + 1/2) source) / max(source, target)`. `k` is
    the triangle, or the cubic of Keys with a = -1/2.

    Args:
        source: Number of pixels of the source, an integer or a tensor.
        target: Number of pixels of the target, an integer or a tensor.
        start: First row to return.
        count: Integer, number of rows to return.
        kernel: One of `KERNELS`.
    """
    tensors = not all(isinstance(n, int) for n in (source, target, start))
    math: Any = ops if tensors else np
    i = math.arange(count) + start
    j = math.arange(source)
    # In integers, so that no size is too large for float32.
    distance = (2 * j + 1)[None, :] * target - ((2 * i + 1) * source)[:, None]
    below = 2 * math.maximum(source, target)
    if tensors:
        distance, below = (ops.cast(x, "float32") for x in (distance, below))
    t = math.abs(distance / below)
    weights = _triangle(math, t) if kernel == "bilinear" else _cubic(math, t)
    weights = weights / math.sum(weights, 1, keepdims=True)
    return weights if tensors else weights.astype("float32")


def _triangle(math: Any, t: Any) -> Any:
    return math.maximum(1 - t, 0)


def _cubic(math: Any, t: Any) -> Any:
    """Computes the cubic with a = -1/2, zero from 2 on."""
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return math.where(t < 1, near, math.where(t < 2, far, math.zeros_like(t)))
