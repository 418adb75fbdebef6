"""The strongest pattern among the channels of feature maps."""

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Tensor


def project(features: Tensor) -> Tensor:
    """Projects feature maps onto their first principal component.

    With `R` the positions times channels of one image, each channel less its
    mean over the positions, and `R = U S V'`: the map is `R v_1 = s_1 u_1`,
    which is the top eigenvector of the smaller one of `R R'` and `R' R`, so no
    matrix of channels times channels is needed where there are many.

    The sign of `v_1` is arbitrary; here it is the one with which the map is
    positive where the sum over the channels is above its mean over the
    positions, so that the map stands for that sum: `sum_ij m_ij sum_k R_ijk >=
    0`. Where that is 0, the largest magnitude is positive.

    Args:
        features: `(batch, height, width, channels)` in float32.

    Returns:
        `(batch, height, width)`.
    """
    height, width, channels = features.shape[1:]
    rows = ops.reshape(features, (-1, height * width, channels))
    rows = rows - ops.mean(rows, axis=1, keepdims=True)
    # Squares of what is far from 1 leave float32.
    scale = ops.max(ops.abs(rows), axis=(1, 2), keepdims=True)
    rows = rows / ops.where(scale > 0, scale, 1.0)
    if height * width <= channels:
        gram = ops.matmul(rows, ops.transpose(rows, (0, 2, 1)))
        values, vectors = ops.linalg.eigh(gram)
        strength = ops.sqrt(ops.maximum(values[:, -1:], 0.0))
        map_ = strength * vectors[:, :, -1]
    else:
        gram = ops.matmul(ops.transpose(rows, (0, 2, 1)), rows)
        _, vectors = ops.linalg.eigh(gram)
        map_ = ops.matmul(rows, vectors[:, :, -1:])[:, :, 0]
    high = ops.max(map_, axis=1, keepdims=True)
    low = ops.min(map_, axis=1, keepdims=True)
    agreement = ops.sum(map_ * ops.sum(rows, axis=2), axis=1, keepdims=True)
    # Rounding is no sign.
    size = ops.sum(ops.abs(map_ * ops.sum(rows, axis=2)), axis=1, keepdims=True)
    unsure = ops.abs(agreement) <= 1e-5 * size
    negative = ops.where(unsure, -low > high, agreement < 0)
    map_ = ops.where(negative, -map_, map_) * scale[:, :, 0]
    return ops.reshape(map_, (-1, height, width))


def project_by_numpy(features: Tensor) -> Tensor:
    """Does the same, with the sign that NumPy's SVD happens to return.

    Outside of compiled code only.
    """
    rows = ops.convert_to_numpy(features)
    count, height, width, channels = rows.shape
    rows = rows.reshape(count, height * width, channels)
    rows = rows - rows.mean(axis=1, keepdims=True)
    _, _, vectors = np.linalg.svd(rows, full_matrices=False)
    maps = rows @ vectors[:, 0, :, None]
    return ops.convert_to_tensor(maps.reshape(count, height, width))
