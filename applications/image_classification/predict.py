"""Predicts classes: `python -m applications.image_classification.predict`."""

import argparse

from applications.common import classifiers, command
from applications.common.images import image_files
from applications.image_classification import parsers
from applications.image_classification.loading import load_for


@command.parsed_by(parsers.predict)
def main(options: argparse.Namespace) -> None:
    """Predicts the classes of image files."""
    parsers.check_positive(options, "top", "batch_size")
    paths = image_files(options.images)
    classifiers.print_classes(
        load_for(options), paths, options, options.batch_size
    )


if __name__ == "__main__":
    raise SystemExit(main())
