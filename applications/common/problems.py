"""What is wrong with a data set, and what of it is not read."""

import sys
from pathlib import Path

SHOWN = 5


class Problems:
    """Raises at the first bad item, or keeps the messages of all.

    Args:
        skip: Whether to go on.

    Attributes:
        messages: What was wrong with each item that was skipped.
        strays: Files among the images that are none.
        notes: What else is printed at the end, as a warning.
    """

    def __init__(self, skip: bool = False):
        self.skip = skip
        self.messages: list[str] = []
        self.strays: list[Path] = []
        self.notes: list[str] = []

    def add(self, message: str) -> None:
        """Takes a message which names the file, and the row if it has one."""
        if not self.skip:
            raise ValueError(f"{message} (--skip-bad goes on without it)")
        self.messages.append(message)

    def report(self) -> None:
        """Prints what was skipped, the first few of each kind, and notes."""
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
