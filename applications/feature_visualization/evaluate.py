"""Measures a network: `python -m applications.feature_visualization.evaluate`.

It is shown the centre of each image, or with `--ten-crop` ten crops.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from applications.common import command, reports, runs
from applications.feature_visualization.config import DEFAULT_RUN


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and evaluates."""
    parser = command.model_parser(
        "Prints accuracy, recall and F1 of a trained network, and draws the "
        "confusion matrix.",
        DEFAULT_RUN,
    )
    command.add_source(parser)
    parser.add_argument(
        "--ten-crop",
        action="store_true",
        help="predict by the mean over the corners, the centre and their "
        "mirror images, as the paper does; else by the centre",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for the drawing and the scores (default: the model's)",
    )
    return command.run(parser, _evaluate, argv)


def _evaluate(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from applications.feature_visualization.model import load_model
    from applications.feature_visualization.predicting import probabilities
    from applications.feature_visualization.source import read_part

    loaded = load_model(options.model)
    part = read_part(loaded, options)
    predicted = probabilities(loaded, part, options.ten_crop, options.workers)
    names = loaded.class_names
    matrix = reports.confusion_matrix(
        part.labels, predicted.argmax(axis=1), len(names)
    )
    seen = "ten crops" if options.ten_crop else "the centre"
    print(f"{options.part} images of {options.model}, by {seen}")
    print(reports.table(matrix, names))
    folder = options.output or runs.folder_of(options.model)
    shown = {"part": options.part, "ten_crop": options.ten_crop}
    reports.write(folder, matrix, names, shown)


if __name__ == "__main__":
    raise SystemExit(main())
