"""Measures a classifier: `-m applications.image_classification.evaluate`."""

import argparse

from applications.common import classifiers, command
from applications.image_classification import parsers
from applications.image_classification.loading import load_for
from applications.image_classification.source import read_part


@command.parsed_by(parsers.evaluate)
def main(options: argparse.Namespace) -> None:
    """Evaluates a classifier."""
    parsers.check_positive(options, "batch_size")
    part, classifier = read_part(load_for(options), options)
    predicted = classifier.predict(part.images, options.batch_size)
    classifiers.evaluate(classifier, part, predicted, options)


if __name__ == "__main__":
    raise SystemExit(main())
