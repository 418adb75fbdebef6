"""A file or folder that takes the place of another one at the end."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Neighbor:
    """What is written beside `target`, to become it.

    Args:
        path: Where to write. Has the name of the target, since a large
            model's file names the one beside it that holds the weights.
        target: Whose place it takes.
    """

    path: pathlib.Path
    target: pathlib.Path

    def replace(self) -> None:
        """Replaces what was there by all that was written."""
        others = set(self.path.parent.iterdir()) - {self.path}
        # The weights of a large model, before what names them.
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
    """Makes an empty place in the same folder, and clears it at the end."""
    target = target.absolute()
    folder = pathlib.Path(
        tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)
    )
    try:
        yield Neighbor(folder / target.name, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
