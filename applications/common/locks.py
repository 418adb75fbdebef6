"""A folder in which one process works at a time, also after a kill."""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LOCK = "lock"
# Of an attempt and the next one, in seconds.
PAUSE = 0.5
# Systems without the lock: some that are reached by a network have none.
_MISSING = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keeps other processes, and other threads, out of a folder.

    The system holds the lock for as long as a file is open, and so gives it
    back when a process ends in whatever way. The file itself stays: whoever
    removed it would lock another one than who opened it before.

    Args:
        folder: Made if it does not exist.
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
                print(f"waiting for another process that works in {folder}")
                said = True
            time.sleep(PAUSE)
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)


def check_free(folder: Path) -> None:
    """Checks that no other process works in a folder, which may not exist.

    Before the data are read, which can take long: `locked` is what decides.
    """
    if (folder / LOCK).is_file():
        with locked(folder):
            pass


def _busy(folder: Path) -> str:
    try:
        process = f" (process {int((folder / LOCK).read_text())})"
    # Windows keeps others from reading the file.
    except (OSError, ValueError):
        process = ""
    return (
        f"{folder}: another process works in this folder{process}; wait until "
        "it has ended, or take another --output"
    )


def _take(handle: int, folder: Path) -> bool:
    """Takes the lock of an open file, if nobody has it."""
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
                f"{folder}: this file system has no locks; no other process "
                "may work in the folder",
                file=sys.stderr,
            )
            return True
        # Any other error must not be taken for a lock, and waited for.
        if problem.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            raise
        return False
    return True
