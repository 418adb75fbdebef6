"""Reads `.npz` files: arrays of numbers, as large as the file says."""

import os
import zipfile
from math import prod

import numpy as np

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: os.PathLike) -> dict[str, np.ndarray]:
    """Returns the arrays of an archive by name.

    `np.load` takes the memory for an array when it has read its header, which
    may claim any shape. Here the header must claim what is there.

    Args:
        path: The file, which has passed `check_archive`.

    Returns:
        A dict of names to NumPy arrays, never of objects.

    Raises:
        ValueError: If an entry is not one array, or is not whole.
        Exception: Whatever `zipfile` and NumPy raise for a broken file.
    """
    with zipfile.ZipFile(path) as archive:
        return {
            entry.filename.removesuffix(".npy"): _read(archive, entry)
            for entry in archive.infolist()
        }


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    if not entry.filename.endswith(".npy"):
        raise ValueError(f"{entry.filename!r} is no array")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            # The only other one is for names of fields in Unicode.
            raise ValueError(f"{entry.filename!r} has the version {version}")
        shape, fortran, dtype = _HEADERS[version](file)
        expected = entry.file_size - file.tell()
        # A negative side would pass as a positive size, by two of them.
        if dtype.hasobject or any(side < 0 for side in shape):
            raise ValueError(f"{entry.filename!r} holds {dtype} of {shape}")
        if prod(shape) * dtype.itemsize != expected:
            raise ValueError(
                f"{entry.filename!r} declares {dtype} of {shape}, and has "
                f"{expected} bytes"
            )
        data = file.read()
    return np.ndarray(shape, dtype, data, order="F" if fortran else "C").copy()
