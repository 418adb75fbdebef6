"""Names what is in images: `-m applications.image_classification.predict`."""

import argparse
from collections.abc import Sequence

from applications.common import classifiers, command
from applications.common.images import image_files
from applications.image_classification import parsers
from applications.image_classification.loading import load_for


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and predicts."""
    return command.run(parsers.predict(), _predict, argv)


def _predict(options: argparse.Namespace) -> None:
    parsers.check_positive(options, "top", "batch_size")
    paths = image_files(options.images)
    classifiers.print_classes(
        load_for(options), paths, options, options.batch_size
    )


if __name__ == "__main__":
    raise SystemExit(main())
