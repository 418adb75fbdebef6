"""Files that are either the old one or the new one, never half of it."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a name to write to, and renames that file to `path`.

    The name lies in the same folder, because a rename is atomic only within a
    file system, and keeps the ending, by which Keras chooses a format. It is
    always the same name: what a killed process left is written over.

    Raises:
        OSError: If the file cannot be written, such as on a full disk, with
            `path` in its message. The old file is unchanged then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    try:
        yield partial
        _flush(partial)
        os.replace(partial, path)
        # The rename itself must survive a power cut too.
        if os.name == "posix":
            _flush(path.parent)
    except BaseException as problem:
        # Half a file would keep a full disk full.
        with contextlib.suppress(OSError):
            partial.unlink()
        if not isinstance(problem, OSError):
            raise
        if problem.filename not in (None, str(partial), partial):
            raise
        # `write` names no file, and NumPy's does not even say what is wrong.
        raise OSError(
            problem.errno or errno.EIO,
            f"cannot be written ({problem.strerror or problem})",
            str(path),
        ) from problem


def write_text(path: Path, text: str) -> None:
    """Writes a text file, or leaves the old one as it is."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: Path, what: str, remedy: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: Of the file.
        what: What it should be, for the error.
        remedy: What the user can do if it is not that.

    Raises:
        ValueError: If the file cannot be read, or holds something else.
    """
    try:
        # Some editors put a byte order mark in front.
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    # Not JSON, not UTF-8, a number of 5,000 digits, or 10,000 brackets.
    except (OSError, ValueError, RecursionError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ValueError(
            f"{path}: not {what} ({reason}); {remedy}"
        ) from problem
    if not isinstance(found, dict):
        raise ValueError(
            f"{path}: not {what} (a JSON {type(found).__name__} instead of an "
            f"object); {remedy}"
        )
    return found


def is_a(value: Any, kind: Any) -> bool:
    """Tells whether a value from JSON is of a type, or of one of a union."""
    if isinstance(value, bool):
        return kind is bool
    # JSON may have 1 for 1.0.
    return isinstance(value, kind) or (
        isinstance(value, int) and isinstance(0.0, kind)
    )


def _flush(path: Path) -> None:
    # Windows flushes only what is open for writing, folders only for reading.
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
