"""Measures DeepLab: `python -m applications.semantic_segmentation.evaluate`.

The maps of the Earth are evaluated at their full resolution, whatever
resolution the network reads.
"""

import argparse

from applications.common import command, reports
from applications.semantic_segmentation import parsers
from applications.semantic_segmentation.model import load_model
from applications.semantic_segmentation.predict import confusion
from applications.semantic_segmentation.source import read_part


@command.parsed_by(parsers.evaluate)
def main(options: argparse.Namespace) -> None:
    """Evaluates a network."""
    parsers.check_test_scales(options)
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
