"""Caches arrays on disk that can be computed again."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from applications.common import files


def read(
    path: Path, shape: tuple[int | None, ...], dtype: str, mapped: bool = False
) -> np.ndarray | None:
    """Returns an array, or `None` if it has to be computed.

    A damaged file is reported and treated as missing.

    Args:
        path: `.npy` file.
        shape: Expected shape; `None` allows any size of an axis.
        dtype: Expected dtype.
        mapped: Whether the array stays on disk and is read on demand.
    """
    if not path.exists():
        return None
    try:
        found = np.load(path, mmap_mode="r" if mapped else None)
        if not _fits(found.shape, shape) or found.dtype != dtype:
            raise ValueError(
                f"{found.dtype} {found.shape} instead of {dtype} {shape}"
            )
        if not mapped and not np.isfinite(found).all():
            raise ValueError("it contains NaN or infinity")
    # Broken bytes can raise any exception in NumPy.
    except Exception as problem:
        print(
            f"{path}: damaged ({reason(problem)}), computed again",
            file=sys.stderr,
        )
        return None
    return found


@contextlib.contextmanager
def writing(
    path: Path, shape: tuple[int, ...], dtype: str
) -> Iterator[Callable[[np.ndarray], None]]:
    """Yields a function that appends to an array, which can exceed the memory.

    A memory map is not used, since a full disk would end the process without
    an error.

    Args:
        path: `.npy` file, which is written completely or not at all.
        shape: Shape of the whole array; pieces are along its first axis.
        dtype: Dtype of the whole array.
    """
    kind = np.dtype(dtype)
    header = {"descr": np.lib.format.dtype_to_descr(kind)}
    header |= {"fortran_order": False, "shape": shape}
    with files.replacing(path) as partial, partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        yield lambda piece: _append(file, np.ascontiguousarray(piece, kind))


def reason(problem: Exception) -> str:
    """Returns why NumPy could not read a file, without its advice."""
    text = getattr(problem, "strerror", None) or str(problem)
    # NumPy's advice is to run the code in the file.
    if "pickle" in text or not text:
        return "not a file of arrays"
    return " ".join(text.split())[:200]


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        size in (None, own) for own, size in zip(shape, wanted, strict=True)
    )


def _append(file: BinaryIO, piece: np.ndarray) -> None:
    file.write(memoryview(piece).cast("B"))
