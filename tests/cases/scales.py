"""Resizes images one channel at a time."""

import numpy as np

from tests.cases.explained_in_numpy import resize


def resize_images(x, size, align_corners=True):
    """Resizes `(n, height, width, channels)`, one channel at a time."""
    maps = [resize(x[..., c], size, align_corners) for c in range(x.shape[3])]
    return np.stack(maps, axis=3)
