"""Collects what is wrong with a data set, and what is not read."""

import sys
from pathlib import Path

SHOWN = 5


class Problems:
    """Raises an error at the first bad item, or collects all messages.

    Args:
        skip: Whether to skip bad items.

    Attributes:
        messages: Messages about the skipped items.
        strays: Files among the images that are not images.
        notes: Further warnings to print at the end.
    """

    def __init__(self, skip: bool = False):
        self.skip = skip
        self.messages: list[str] = []
        self.strays: list[Path] = []
        self.notes: list[str] = []

    def add(self, message: str) -> None:
        """Adds a message, which names the file and the row, if any."""
        if not self.skip:
            raise ValueError(f"{message} (--skip-bad skips it)")
        self.messages.append(message)

    def report(self) -> None:
        """Prints the first few skipped items of each kind, and the notes."""
        _print(f"skipped {len(self.messages)} bad items:", self.messages)
        strays = list(map(str, self.strays))
        _print(f"skipped {len(strays)} files that are not images:", strays)
        for note in self.notes:
            print(f"note: {note}", file=sys.stderr)


def _print(title: str, lines: list[str]) -> None:
    if not lines:
        return
    print(title, file=sys.stderr)
    for line in lines[:SHOWN]:
        print(f"  {line}", file=sys.stderr)
    if len(lines) > SHOWN:
        print("  ...", file=sys.stderr)
