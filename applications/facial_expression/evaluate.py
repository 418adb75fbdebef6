"""Measures FERNet: `python -m applications.facial_expression.evaluate`."""

import argparse
import csv
import io

import numpy as np

from applications.common import classifiers, command
from applications.common.classifiers import Classifier
from applications.common.parts import Part
from applications.facial_expression import parsers
from applications.facial_expression.data import read_for
from applications.facial_expression.model import load_model

PREDICTIONS = "predictions.csv"


@command.parsed_by(parsers.evaluate)
def main(options: argparse.Namespace) -> None:
    """Evaluates a network."""
    loaded = load_model(options.model, options.class_names)
    part = read_part(loaded, options)
    predicted = loaded.predict(part.images, workers=options.workers)
    rows = as_csv(part, predicted, loaded.class_names)
    classifiers.evaluate(
        loaded, part, predicted, options, instead=(PREDICTIONS, rows)
    )


def read_part(loaded: Classifier, options: argparse.Namespace) -> Part:
    """Reads `--part` of `--data`, or of the data of the run."""
    data = read_for(loaded.config, options, options.data, loaded.shape)
    return loaded.part(data, options)


def as_csv(part: Part, predicted: np.ndarray, class_names: list[str]) -> str:
    """Returns one row per image: source, classes and probabilities."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "true", "predicted", *class_names])
    for source, label, row in zip(
        part.sources, part.labels, predicted, strict=True
    ):
        names = class_names[label], class_names[row.argmax()]
        # 9 digits restore a float32 exactly.
        writer.writerow([source, *names, *(f"{value:.9g}" for value in row)])
    return text.getvalue()


if __name__ == "__main__":
    raise SystemExit(main())
