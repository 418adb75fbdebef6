"""Writes a file or folder that replaces another one at the end."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Neighbor:
    """A temporary file or folder that replaces `target`.

    Args:
        path: The temporary path. It has the name of the target, since the file
            of a large model contains the name of the file with its weights.
        target: The path to replace.
    """

    path: pathlib.Path
    target: pathlib.Path

    def replace(self) -> None:
        """Replaces the target with everything that was written."""
        others = set(self.path.parent.iterdir()) - {self.path}
        # The weights of a large model, before the file that refers to them.
        for other in sorted(others):
            os.replace(other, self.target.parent / other.name)
        if not self.path.is_dir():
            os.replace(self.path, self.target)
            return
        old = self.path.with_name(f"{self.path.name}.old")
        if self.target.exists():
            os.replace(self.target, old)
        try:
            os.replace(self.path, self.target)
        except OSError:
            if old.exists():
                os.replace(old, self.target)
            raise


@contextlib.contextmanager
def new_neighbor(target: pathlib.Path) -> Iterator[Neighbor]:
    """Creates a temporary place in the same folder, and removes it again."""
    target = target.absolute()
    folder = pathlib.Path(
        tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)
    )
    try:
        yield Neighbor(folder / target.name, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
