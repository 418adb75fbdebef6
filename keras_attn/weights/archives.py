"""How much a file of weights may hold, and zip archives that keep to it."""

import os
import zipfile

# No file may be, or unpack to, more than this: 4 billion float32 weights.
MAX_BYTES = 16 * 2**30
# Weights hardly compress: an archive above these two was made to fill memory.
MAX_RATIO = 100
MAX_BYTES_AT_ANY_RATIO = 256 * 2**20
# What NumPy, PyTorch and Keras write.
_METHODS = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


def check_unpacked(size: int, unpacked: int) -> None:
    """Refuses what is too large, or unpacks to too much.

    Args:
        size: Integer, bytes of the file.
        unpacked: Integer, bytes that it declares to hold.

    Raises:
        ValueError: If one of the limits at the top of this file is passed.
    """
    if max(size, unpacked) > MAX_BYTES or (
        unpacked > MAX_BYTES_AT_ANY_RATIO and unpacked > MAX_RATIO * size
    ):
        raise ValueError(
            f"its {size} bytes unpack to {max(size, unpacked)}, which is more "
            f"than {MAX_BYTES} or than {MAX_RATIO} times its size"
        )


def check_archive(path: os.PathLike) -> None:
    """Refuses a file that is too large and, if it is a zip file, a bomb.

    What is no zip file by its first bytes is none to the readers either.

    Args:
        path: The file.

    Raises:
        ValueError: If it is empty, or too large, or if the entries of a zip
            file overlap, share a name, are packed in an unusual way, or
            declare too much. The readers stop at the declared size, so that
            to declare less is of no use.
        Exception: Whatever `zipfile` raises for a broken file.
    """
    size = os.stat(path).st_size
    # Some special files say that they are regular and empty, and block.
    if not size:
        raise ValueError("the file is empty")
    check_unpacked(size, size)
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            return
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    check_unpacked(size, sum(entry.file_size for entry in entries))
    if sum(entry.compress_size for entry in entries) > size:
        raise ValueError("entries of the archive overlap")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("entries of the archive share a name")
    if methods := {e.compress_type for e in entries} - {*_METHODS}:
        raise ValueError(f"entries are packed by the methods {methods}")


def check_sums(path: os.PathLike) -> None:
    """Refuses a zip file of which a checksum is wrong; takes other files.

    PyTorch does not look at them, so that a damaged file would load.

    Args:
        path: The file, which has passed `check_archive`.

    Raises:
        ValueError: If a checksum is wrong.
        Exception: Whatever `zipfile` raises for a broken file.
    """
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            return
    with zipfile.ZipFile(path) as archive:
        if (name := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {name!r} is wrong")
