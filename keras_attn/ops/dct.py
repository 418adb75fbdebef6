"""Vectors of the discrete cosine transform (DCT)."""

import functools

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Tensor
from keras_attn.ops.adaptive_pooling import pooling_matrix


def basis(frequency: int, size: int) -> np.ndarray:
    """Returns one vector of the orthonormal DCT-II, in float64.

    Its entries are `cos(pi * frequency * (p + 0.5) / size) * sqrt(2 / size)`
    for positions `p`, and `sqrt(1 / size)` for frequency 0.
    """
    positions = np.arange(size) + 0.5
    wave = np.cos(np.pi * frequency * positions / size)
    return wave * ((1 if frequency == 0 else 2) / size) ** 0.5


def waves(
    frequencies: tuple[int, ...], dct_size: int, side: int | Tensor, group: int
) -> np.ndarray | Tensor:
    """Returns the vector with which each channel weights an axis of images.

    The channels form groups, one per frequency.

    The transform has `dct_size` positions. An axis of another length would
    first be resized by adaptive average pooling. Since that is linear, it is
    folded into the vectors.

    Args:
        frequencies: Tuple of integers.
        dct_size: Positive integer.
        side: Integer or scalar tensor, the length of the axis.
        group: Positive integer, the number of channels per frequency.

    Returns:
        A float32 tensor or array, `(side, channels)`.
    """
    if isinstance(side, int):
        return _known_waves(frequencies, dct_size, side, group)
    vectors = _known_waves(frequencies, dct_size, dct_size, group)
    pooling = ops.transpose(pooling_matrix(side, dct_size))
    return ops.matmul(pooling, vectors)


@functools.lru_cache(maxsize=256)
def _known_waves(
    frequencies: tuple[int, ...], dct_size: int, side: int, group: int
) -> np.ndarray:
    """Returns the vectors for a known side; cached, since layers share them."""
    vectors = np.stack([basis(f, dct_size) for f in frequencies], axis=1)
    vectors = np.repeat(vectors, group, axis=1)
    pooling = pooling_matrix(side, dct_size).T
    return (pooling @ vectors).astype("float32")
