"""Names expressions: `python -m applications.facial_expression.predict`."""

import argparse
from collections.abc import Sequence

from applications.common import classifiers, command
from applications.facial_expression import parsers
from applications.facial_expression.model import load_model


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and predicts."""
    return command.run(parsers.predict(), _predict, argv)


def _predict(options: argparse.Namespace) -> None:
    loaded = load_model(options.model, options.class_names)
    classifiers.print_classes(loaded, options.images, options)


if __name__ == "__main__":
    raise SystemExit(main())
