"""Arrays that were computed once, kept on disk, and can be computed again."""

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

    A file that is damaged is reported: it is as good as none.

    Args:
        path: Of a `.npy` file.
        shape: What the array must have; `None` for any size of an axis.
        dtype: What the array must have.
        mapped: Whether it stays on disk and is read as it is needed.
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
            raise ValueError("it holds NaN or infinity")
    # NumPy raises whatever broken bytes lead it to.
    except Exception as problem:
        print(
            f"{path}: damaged ({reason(problem)}), and computed again",
            file=sys.stderr,
        )
        return None
    return found


@contextlib.contextmanager
def writing(
    path: Path, shape: tuple[int, ...], dtype: str
) -> Iterator[Callable[[np.ndarray], None]]:
    """Yields what appends a piece to an array, which need not fit into memory.

    Not by a memory map, where a full disk ends the process without a word.

    Args:
        path: Of a `.npy` file, which is there as a whole or not at all.
        shape: Of the whole array; pieces are along its first axis.
        dtype: Of the whole array.
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
    # It offers to run what is in the file.
    if "pickle" in text or not text:
        return "not a file of arrays"
    return " ".join(text.split())[:200]


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        size in (None, own) for own, size in zip(shape, wanted, strict=True)
    )


def _append(file: BinaryIO, piece: np.ndarray) -> None:
    file.write(memoryview(piece).cast("B"))
