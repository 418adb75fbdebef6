"""Lists the tasks and their commands: `python -m applications [task]`."""

import sys

from applications.common import listing

if __name__ == "__main__":
    names = [each for each in sys.argv[1:] if not each.startswith("-")]
    raise SystemExit(listing.show(*names[:2]))
