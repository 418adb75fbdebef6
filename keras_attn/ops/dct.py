"""Frequencies of the discrete cosine transform, and sums over maps by them."""

import numpy as np
from keras import ops

from keras_attn.ops.adaptive_pooling import pooling_matrix


def basis(frequency, size):
    """Returns one vector of the orthonormal DCT-II, in float64.

    `cos(pi * frequency * (p + 0.5) / size) * sqrt(2 / size)` for positions
    `p`, and `sqrt(1 / size)` for frequency 0.
    """
    positions = np.arange(size) + 0.5
    wave = np.cos(np.pi * frequency * positions / size)
    return wave * ((1 if frequency == 0 else 2) / size) ** 0.5


def spectral_maps(frequencies, dct_size, height, width):
    """Returns the map that each frequency weighs an image by.

    The transform is of `dct_size x dct_size` positions, to which an image of
    another size is pooled first (adaptive averages); that is linear, so that
    it is folded into the maps.

    Args:
        frequencies: Pairs of integers, vertical and horizontal.
        dct_size: Positive integer.
        height: Integer or scalar tensor, of the image.
        width: The same.

    Returns:
        A float32 tensor or array, `(frequencies, height, width)`.
    """
    down, across = (
        np.stack([basis(f, dct_size) for f in axis]).astype("float32")
        for axis in zip(*frequencies, strict=True)
    )
    down = ops.matmul(down, pooling_matrix(height, dct_size))
    across = ops.matmul(across, pooling_matrix(width, dct_size))
    return ops.expand_dims(down, 2) * ops.expand_dims(across, 1)
