"""Size limits for weights files, and checks of zip archives."""

import os
import struct
import zipfile

from keras_attn.weights.shown import quoted

# Limit for a file, packed or unpacked: 4 billion float32 weights.
MAX_BYTES = 16 * 2**30
# Weights hardly compress. An archive above both limits is a zip bomb.
MAX_RATIO = 100
MAX_BYTES_AT_ANY_RATIO = 256 * 2**20
# The methods that NumPy, PyTorch and Keras use.
_METHODS = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
# The records at the end of a zip file: signature, and sizes in bytes.
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_END64, _END64_SIZE = b"PK\x06\x06", 56


def check_unpacked(size: int, unpacked: int) -> None:
    """Rejects files that are too large, or unpack to too much.

    Args:
        size: Integer, size of the file in bytes.
        unpacked: Integer, declared unpacked size in bytes.

    Raises:
        ValueError: If a limit at the top of this file is exceeded.
    """
    if max(size, unpacked) > MAX_BYTES or (
        unpacked > MAX_BYTES_AT_ANY_RATIO and unpacked > MAX_RATIO * size
    ):
        raise ValueError(
            f"its {size} bytes unpack to {max(size, unpacked)}, which is more "
            f"than {MAX_BYTES} or {MAX_RATIO} times its size"
        )


def check_size(path: os.PathLike[str]) -> None:
    """Rejects a file that is empty or too large.

    Args:
        path: The file.

    Raises:
        ValueError: If the file is empty or too large.
    """
    size = os.stat(path).st_size
    # Some special files pose as regular and empty, but block when read.
    if not size:
        raise ValueError("the file is empty")
    check_unpacked(size, size)


def check_zip(path: os.PathLike[str]) -> None:
    """Rejects zip bombs and files that are not zip files.

    It must be called for every file that is read as a zip file, whatever its
    first bytes: `zipfile` also reads an archive that follows other bytes.

    Args:
        path: The file, which has passed `check_size`.

    Raises:
        ValueError: If the entries overlap, share a name, use an unusual
            compression method, or declare too much. Declaring less does not
            help an attacker, since readers stop at the declared size.
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
        raise ValueError(f"entries use the compression methods {methods}")


def check_other_reader(path: os.PathLike[str]) -> None:
    """Rejects a zip file that PyTorch could read differently from `zipfile`.

    PyTorch has its own zip reader. It looks for the table of contents at the
    offset stated at the end of the file, whereas `zipfile` looks directly
    before the end. It also ignores checksums. Therefore both positions must
    agree, and the checksums must be correct.

    Args:
        path: The file, which has passed `check_zip`.

    Raises:
        ValueError: If there is data before or after the archive, or if a
            checksum is wrong.
        Exception: Whatever `zipfile` raises for a broken file.
    """
    with zipfile.ZipFile(path) as archive:
        if _table_of_contents(path) != (
            archive.start_dir,
            len(archive.infolist()),
        ):
            raise ValueError("there is data before or after the archive")
        if (name := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {quoted(name)} is wrong")


def _table_of_contents(path: os.PathLike[str]) -> tuple[int, int] | None:
    """Returns the offset and length of the table that ends the file, if any."""
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
