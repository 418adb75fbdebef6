"""The strongest pattern among the channels of feature maps."""

import numpy as np
from keras import ops


def project(features):
    """Projects feature maps onto their first principal component.

    With `R` the positions times channels of one image, each channel less its
    mean over the positions, and `R = U S V'`: the map is `R v_1 = s_1 u_1`,
    which is the top eigenvector of the smaller one of `R R'` and `R' R`, so no
    matrix of channels times channels is needed where there are many.

    The sign of `v_1` is arbitrary; here the map's largest magnitude is
    positive, or the maps that end up as pictures would lose their peaks.

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
    map_ = ops.where(-low > high, -map_, map_) * scale[:, :, 0]
    return ops.reshape(map_, (-1, height, width))


def project_by_numpy(features):
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
