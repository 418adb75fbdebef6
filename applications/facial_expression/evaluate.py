"""Measures a network: `python -m applications.facial_expression.evaluate`."""

import argparse
import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from applications.common import command, files, reports
from applications.common.parts import Part
from applications.common.saved import Loaded
from applications.facial_expression import parsers
from applications.facial_expression.data import read_for
from applications.facial_expression.model import load_model
from applications.facial_expression.predict import probabilities

PREDICTIONS = "predictions.csv"


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and evaluates."""
    return command.run(parsers.evaluate(), _evaluate, argv)


def _evaluate(options: argparse.Namespace) -> None:
    loaded = load_model(options.model, options.class_names)
    part = read_part(loaded, options)
    predicted = probabilities(loaded, part, workers=options.workers)
    names = loaded.class_names
    matrix = reports.confusion_matrix(
        part.labels, predicted.argmax(axis=1), len(names)
    )
    print(f"{options.part} images of {loaded.path}")
    print(reports.table(matrix, names))
    folder = options.output or loaded.path.parent
    write_predictions(folder / PREDICTIONS, part, predicted, names)
    reports.draw_confusion(matrix, names, folder / reports.CONFUSION)
    print(f"wrote {folder / reports.CONFUSION} and {PREDICTIONS}")


def read_part(loaded: Loaded, options: argparse.Namespace) -> Part:
    """Reads `--part` of `--data`, or of the data of the run."""
    data = read_for(loaded.config, options, options.data, loaded.shape)
    return loaded.part(data, options)


def write_predictions(
    path: Path, part: Part, predicted: np.ndarray, class_names: list[str]
) -> None:
    """Writes a row for each image: where from, true class, probabilities."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "true", "predicted", *class_names])
    for source, label, row in zip(
        part.sources, part.labels, predicted, strict=True
    ):
        names = class_names[label], class_names[row.argmax()]
        # A float32 needs 9 digits to be read back the same.
        writer.writerow([source, *names, *(f"{value:.9g}" for value in row)])
    files.write_text(path, text.getvalue())


if __name__ == "__main__":
    raise SystemExit(main())
