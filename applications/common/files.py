"""Atomic writing of files, and reading of JSON."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path to write to, and then renames it to `path`.

    The temporary file is in the same folder, since a rename is atomic only
    within a file system. It keeps the ending, from which Keras infers the
    format. Its name is always the same, so that the file of a killed process
    is overwritten.

    Raises:
        OSError: If the file cannot be written, for example on a full disk,
            with `path` in its message. The old file remains unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    try:
        yield partial
        _flush(partial)
        os.replace(partial, path)
        # The rename itself must also survive a power cut.
        if os.name == "posix":
            _flush(path.parent)
    except BaseException as problem:
        # An incomplete file would keep a full disk full.
        with contextlib.suppress(OSError):
            partial.unlink()
        if not isinstance(problem, OSError):
            raise
        if problem.filename not in (None, str(partial), partial):
            raise
        # The error of `write` names no file, and NumPy's gives no reason.
        raise OSError(
            problem.errno or errno.EIO,
            f"cannot be written ({problem.strerror or problem})",
            str(path),
        ) from problem


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: Path, what: str, fix: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: The file.
        what: Expected content, for the error.
        fix: What the user can do if the file has other content.

    Raises:
        ValueError: If the file cannot be read or is no JSON object.
    """
    try:
        # Some editors write a byte order mark.
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    # Not JSON, not UTF-8, a number of 5,000 digits, or 10,000 brackets.
    except (OSError, ValueError, RecursionError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ValueError(f"{path}: not {what} ({reason}). {fix}") from problem
    if not isinstance(found, dict):
        raise ValueError(
            f"{path}: not {what} (a JSON {type(found).__name__} instead of an "
            f"object). {fix}"
        )
    return found


def is_a(value: Any, kind: Any) -> bool:
    """Returns whether a value from JSON has a type, or one of a union."""
    if isinstance(value, bool):
        return kind is bool
    # JSON may contain 1 for 1.0.
    return isinstance(value, kind) or (
        isinstance(value, int) and isinstance(0.0, kind)
    )


def _flush(path: Path) -> None:
    # Windows flushes only files open for writing; folders open for reading.
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
