"""Measures a classifier: `-m applications.image_classification.evaluate`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from applications.common import command, reports
from applications.common.parts import Part
from applications.image_classification import options as own_options
from applications.image_classification.source import read_part

if TYPE_CHECKING:
    from applications.image_classification.loading import Classifier


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and evaluates."""
    parser = own_options.model_parser(
        "Prints accuracy, recall and F1 of any saved classifier, and draws "
        "the confusion matrix."
    )
    command.add_source(parser)
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for the drawing and the scores (default: the model's)",
    )
    return command.run(parser, _evaluate, own_options.joined(argv))


def _evaluate(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from applications.image_classification.loading import load_classifier

    own_options.check_positive(options, "batch_size")
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
    classifier: "Classifier", part: Part, classes: int, batch_size: int = 256
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
