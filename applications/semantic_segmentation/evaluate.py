"""Measures a network: `python -m applications.semantic_segmentation.evaluate`.

Of the maps of the Earth, pixels count at their full resolution, whatever the
network was shown.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from applications.common import command, reports
from applications.semantic_segmentation.config import DEFAULT_RUN
from applications.semantic_segmentation.options import (
    add_test_scales,
    check_test_scales,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and evaluates."""
    parser = command.model_parser(
        "Prints IoU, recall and precision of a trained network for each "
        "class, and draws the confusion matrix of the pixels.",
        DEFAULT_RUN,
    )
    command.add_source(parser)
    add_test_scales(parser)
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for the drawing and the scores (default: the model's)",
    )
    return command.run(parser, _evaluate, argv)


def _evaluate(options: argparse.Namespace) -> None:
    check_test_scales(options)
    # Late, because Keras reads the backend when it is imported.
    from applications.semantic_segmentation.model import load_model
    from applications.semantic_segmentation.predicting import confusion
    from applications.semantic_segmentation.source import read_part

    loaded = load_model(options.model)
    scenes = read_part(loaded, options)
    matrix = confusion(loaded, scenes, options.test_scales, options.flip)
    names = loaded.class_names
    print(f"{options.part} scenes of {loaded.path}: {len(scenes)}")
    print(reports.iou_table(matrix, names))
    folder = options.output or loaded.path.parent
    reports.write(folder, matrix, names, {"part": options.part}, as_shares=True)


if __name__ == "__main__":
    raise SystemExit(main())
