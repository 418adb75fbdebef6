"""Writes files in the format of Fashion-MNIST, with tiny images."""

import gzip

import numpy as np

from applications.common.fashion import FILES

SIZE = 12


def idx_bytes(array):
    """Returns a uint8 array in the IDX format."""
    sizes = np.array(array.shape, ">u4").tobytes()
    start = bytes([0, 0, 8, array.ndim])
    return start + sizes + array.astype("uint8").tobytes()


def write_idx(path, array):
    """Writes a uint8 array in the IDX format."""
    path.write_bytes(gzip.compress(idx_bytes(array)))


def write_fashion(folder, train=48, test=20, size=SIZE):
    """Writes the four files: noise, with a row that encodes the class."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("test", test)):
        labels = np.arange(count) % 10
        images = rng.integers(0, 100, (count, size, size))
        images[np.arange(count), labels] += 120
        for name, array in zip(FILES[part], (images, labels), strict=True):
            write_idx(folder / name, array)
