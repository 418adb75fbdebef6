"""Bad items of a data set: stop at the first, or count them."""

import sys

SHOWN = 5


class Problems:
    """Raises at the first bad item, or keeps the messages of all.

    Args:
        skip: Whether to go on.
    """

    def __init__(self, skip: bool = False):
        self.skip = skip
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        """Takes a message which names the file, and the row if it has one."""
        if not self.skip:
            raise ValueError(f"{message} (--skip-bad goes on without it)")
        self.messages.append(message)

    def report(self) -> None:
        """Prints how many items were skipped, and the first of them."""
        if not self.messages:
            return
        print(f"skipped {len(self.messages)} bad items:", file=sys.stderr)
        for message in self.messages[:SHOWN]:
            print(f"  {message}", file=sys.stderr)
        if len(self.messages) > SHOWN:
            print("  ...", file=sys.stderr)
