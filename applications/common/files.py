"""Files that are either the old one or the new one, never half of it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a name to write to, and puts that file in the place of `path`.

    The name lies in the same folder, because a rename is atomic only within a
    file system, and keeps the ending, by which Keras chooses a format. It is
    always the same name: what a killed process left is written over.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    yield partial
    _flush(partial)
    os.replace(partial, path)
    # The rename itself must survive a power cut too.
    if os.name == "posix":
        _flush(path.parent)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, or leaves the old one as it is."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    # Windows flushes only what is open for writing, folders only for reading.
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
