"""The first principal component of feature maps."""

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Tensor


def project(features: Tensor) -> Tensor:
    """Projects feature maps onto their first principal component.

    `R` holds one image as positions times channels, with each channel's mean
    subtracted. With `R = U S V'`, the map is `R v_1 = s_1 u_1`. It is computed
    from the top eigenvector of the smaller of `R R'` and `R' R`, so that many
    channels do not require a matrix of channels times channels.

    The sign of `v_1` is arbitrary. Here the map `m` correlates positively with
    the sum over the channels: `sum_ij m_ij sum_k R_ijk >= 0`. If this is 0,
    the entry of the largest magnitude is positive.

    Args:
        features: `(batch, height, width, channels)` in float32.

    Returns:
        `(batch, height, width)`.
    """
    height, width, channels = features.shape[1:]
    rows = ops.reshape(features, (-1, height * width, channels))
    rows = rows - ops.mean(rows, axis=1, keepdims=True)
    # Squares of very large or small numbers leave the range of float32.
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
    # A difference within rounding error does not decide the sign.
    size = ops.sum(ops.abs(map_ * ops.sum(rows, axis=2)), axis=1, keepdims=True)
    unsure = ops.abs(agreement) <= 1e-5 * size
    negative = ops.where(unsure, -low > high, agreement < 0)
    map_ = ops.where(negative, -map_, map_) * scale[:, :, 0]
    return ops.reshape(map_, (-1, height, width))


def project_by_numpy(features: Tensor) -> Tensor:
    """Does the same as `project`, with the sign that NumPy's SVD returns.

    Works only outside of compiled code.
    """
    rows = ops.convert_to_numpy(features)
    count, height, width, channels = rows.shape
    rows = rows.reshape(count, height * width, channels)
    rows = rows - rows.mean(axis=1, keepdims=True)
    _, _, vectors = np.linalg.svd(rows, full_matrices=False)
    maps = rows @ vectors[:, 0, :, None]
    return ops.convert_to_tensor(maps.reshape(count, height, width))
