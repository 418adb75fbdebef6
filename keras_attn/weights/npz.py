"""Reads `.npz` files that contain only arrays of numbers."""

import os
import zipfile
from math import prod

import numpy as np

from keras_attn.weights.archives import check_zip
from keras_attn.weights.shown import plain, quoted

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: os.PathLike[str]) -> dict[str, np.ndarray]:
    """Returns the arrays of an archive by name.

    `np.load` allocates an array as soon as it has read the header, which may
    state any shape. Here the header must match the actual data.

    Args:
        path: The file, which has passed `check_size`.

    Returns:
        A dict from names to NumPy arrays, never arrays of objects.

    Raises:
        ValueError: If an entry is not a complete array, or if the archive
            does not pass `check_zip`.
        Exception: Whatever `zipfile` and NumPy raise for a broken file.
    """
    check_zip(path)
    with zipfile.ZipFile(path) as archive:
        return {
            entry.filename.removesuffix(".npy"): _read(archive, entry)
            for entry in archive.infolist()
        }


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    name = quoted(entry.filename)
    if not entry.filename.endswith(".npy"):
        raise ValueError(f"{name} is not an array")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            # The only other version is for Unicode field names.
            raise ValueError(f"{name} has the version {version}")
        shape, fortran, dtype = _HEADERS[version](file)
        expected = entry.file_size - file.tell()
        kind = f"{plain(str(dtype))} of {plain(str(shape))}"
        # Two negative sides would have a positive product.
        if dtype.hasobject or any(side < 0 for side in shape):
            raise ValueError(f"{name} holds {kind}")
        if prod(shape) * dtype.itemsize != expected:
            raise ValueError(
                f"{name} declares {kind}, but has {expected} bytes"
            )
        data = file.read()
    return np.ndarray(shape, dtype, data, order="F" if fortran else "C").copy()
