"""Measures a classifier: `-m applications.image_classification.evaluate`."""

import argparse
from collections.abc import Sequence

import numpy as np

from applications.common import command, reports
from applications.common.parts import Part
from applications.image_classification import parsers
from applications.image_classification.loading import (
    Classifier,
    load_classifier,
)
from applications.image_classification.source import read_part


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and evaluates."""
    return command.run(parsers.evaluate(), _evaluate, argv)


def _evaluate(options: argparse.Namespace) -> None:
    parsers.check_positive(options, "batch_size")
    classifier = load_classifier(
        options.model, options.size, options.input_range
    )
    part, names = read_part(classifier, options)
    matrix = confusion(classifier, part, len(names), options.batch_size)
    print(f"{options.part} images of {classifier.path}")
    print(reports.table(matrix, names))
    folder = options.output or classifier.path.parent
    reports.write(folder, matrix, names, {"part": options.part})


def confusion(
    classifier: Classifier, part: Part, classes: int, batch_size: int = 256
) -> np.ndarray:
    """Returns the confusion matrix of a classifier on a part."""
    found = classifier.predict(part.images, batch_size)
    if found.shape[1] != classes:
        raise ValueError(
            f"{classifier.path}: the model has {found.shape[1]} classes, and "
            f"the data have {classes}"
        )
    return reports.confusion_matrix(part.labels, found.argmax(axis=1), classes)


if __name__ == "__main__":
    raise SystemExit(main())
