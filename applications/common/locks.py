"""Locks a folder, so that only one process works in it at a time."""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LOCK = "lock"
# Seconds between two attempts.
PAUSE = 0.5
# Errors of file systems without locks, such as some network file systems.
_MISSING = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keeps other processes and threads out of a folder.

    The system holds the lock while a file is open, so it is released however
    the process ends. The file itself remains: if it were removed, two
    processes could each lock a different file.

    Args:
        folder: Created if it does not exist.
        wait: Whether to wait for the other process.

    Raises:
        ValueError: If another process has the folder and `wait` is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        said = False
        while not _take(handle, folder):
            if not wait:
                raise ValueError(_busy(folder))
            if not said:
                print(f"waiting for another process in {folder}")
                said = True
            time.sleep(PAUSE)
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)


def check_free(folder: Path) -> None:
    """Checks that no other process works in a folder, which need not exist.

    This fails early, before the data is read. `locked` is the actual check.
    """
    if (folder / LOCK).is_file():
        with locked(folder):
            pass


def _busy(folder: Path) -> str:
    try:
        process = f" (process {int((folder / LOCK).read_text())})"
    # On Windows, other processes cannot read the file.
    except (OSError, ValueError):
        process = ""
    return (
        f"{folder}: another process works in this folder{process}. Wait until "
        "it ends, or pass another --output"
    )


def _take(handle: int, folder: Path) -> bool:
    """Takes the lock of an open file; returns whether that was possible."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno in _MISSING:
            print(
                f"{folder}: this file system has no locks. Make sure that no "
                "other process works in the folder",
                file=sys.stderr,
            )
            return True
        # Other errors are not locks that could be waited for.
        if problem.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            raise
        return False
    return True
