"""How much a file of weights may hold, and zip archives that keep to it."""

import os
import struct
import zipfile

from keras_attn.weights.shown import quoted

# No file may be, or unpack to, more than this: 4 billion float32 weights.
MAX_BYTES = 16 * 2**30
# Weights hardly compress: an archive above these two was made to fill memory.
MAX_RATIO = 100
MAX_BYTES_AT_ANY_RATIO = 256 * 2**20
# What NumPy, PyTorch and Keras write.
_METHODS = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
# The records at the end of a zip file: signature, and sizes in bytes.
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_END64, _END64_SIZE = b"PK\x06\x06", 56


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


def check_size(path: os.PathLike[str]) -> None:
    """Refuses a file that is empty or too large.

    Args:
        path: The file.

    Raises:
        ValueError: If it is.
    """
    size = os.stat(path).st_size
    # Some special files say that they are regular and empty, and block.
    if not size:
        raise ValueError("the file is empty")
    check_unpacked(size, size)


def check_zip(path: os.PathLike[str]) -> None:
    """Refuses what is no zip file, and a zip file that is a bomb.

    For all files that are read as zip files, whatever they begin with: bytes
    before the archive do not keep `zipfile` from reading it.

    Args:
        path: The file, which has passed `check_size`.

    Raises:
        ValueError: If the entries overlap, share a name, are packed in an
            unusual way, or declare too much. The readers stop at the declared
            size, so that to declare less is of no use.
        Exception: Whatever `zipfile` raises for a broken file.
    """
    size = os.stat(path).st_size
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    check_unpacked(size, sum(entry.file_size for entry in entries))
    if sum(entry.compress_size for entry in entries) > size:
        raise ValueError("entries of the archive overlap")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("entries of the archive share a name")
    if methods := {e.compress_type for e in entries} - {*_METHODS}:
        raise ValueError(f"entries are packed by the methods {methods}")


def check_other_reader(path: os.PathLike[str]) -> None:
    """Refuses a zip file that another reader could take for another one.

    PyTorch reads zip files by itself: it looks for the table of contents
    where the end of the file says, where `zipfile` looks right before the
    end, and it does not look at checksums. So both have to be in one place,
    and the checksums right.

    Args:
        path: The file, which has passed `check_zip`.

    Raises:
        ValueError: If something stands before or after the archive, or if a
            checksum is wrong.
        Exception: Whatever `zipfile` raises for a broken file.
    """
    with zipfile.ZipFile(path) as archive:
        if _table_of_contents(path) != (
            archive.start_dir,
            len(archive.infolist()),
        ):
            raise ValueError("something stands before or after the archive")
        if (name := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {quoted(name)} is wrong")


def _table_of_contents(path: os.PathLike[str]) -> tuple[int, int] | None:
    """Returns its place and its entries, if the file ends right behind it."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END) - _END_SIZE
        before = max(end - _LOCATOR_SIZE - _END64_SIZE, 0)
        file.seek(before)
        data = file.read()
    *_, count, size, place, comment = struct.unpack(
        "<4s4H2LH", data[end - before :]
    )
    if data[end - before :][:4] != _END or comment:
        return None
    locator = data[end - before - _LOCATOR_SIZE :][:_LOCATOR_SIZE]
    if locator.startswith(_LOCATOR):
        end = before
        if data[:4] != _END64 or struct.unpack("<Q", locator[8:16]) != (end,):
            return None
        count, size, place = struct.unpack("<3Q", data[32:_END64_SIZE])
    return (place, count) if place + size == end else None
