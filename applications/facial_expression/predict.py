"""Predicts expressions: `-m applications.facial_expression.predict`."""

import argparse

from applications.common import classifiers, command
from applications.facial_expression import parsers
from applications.facial_expression.model import load_model


@command.parsed_by(parsers.predict)
def main(options: argparse.Namespace) -> None:
    """Predicts the classes of image files."""
    loaded = load_model(options.model, options.class_names)
    classifiers.print_classes(loaded, options.images, options)


if __name__ == "__main__":
    raise SystemExit(main())
