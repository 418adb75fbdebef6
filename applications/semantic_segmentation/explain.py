"""Draws which scale counts: `-m applications.semantic_segmentation.explain`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from applications.common import command, runs
from applications.common.images import read_picture
from applications.semantic_segmentation.config import DEFAULT_RUN

NAME = "scales.png"


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and draws."""
    parser = command.model_parser(
        "Draws a picture, the predicted classes, and how much each scale "
        "counts at each place: the weight maps of the attention.",
        DEFAULT_RUN,
    )
    command.add_source(parser)
    parser.add_argument(
        "--image",
        type=Path,
        nargs="+",
        help="image files instead of a scene of the data",
    )
    parser.add_argument(
        "--index", type=int, default=0, help="which scene of the data"
    )
    command.add_output(parser, "the drawing, .png, .svg or .pdf", NAME)
    return command.run(parser, _explain, argv)


def _explain(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from applications.semantic_segmentation.model import load_model
    from applications.semantic_segmentation.scale_maps import draw, scale_maps
    from applications.semantic_segmentation.source import read_part

    loaded = load_model(options.model)
    if options.image:
        pictures = {str(path): read_picture(path) for path in options.image}
    else:
        scenes = read_part(loaded, options)
        if not 0 <= options.index < len(scenes):
            raise ValueError(
                f"--index must be 0 to {len(scenes) - 1}; it is {options.index}"
            )
        scene = scenes[options.index]
        pictures = {scene.source: scene.image()}
    found = {
        source: scale_maps(loaded, image) for source, image in pictures.items()
    }
    output = options.output or runs.folder_of(options.model) / NAME
    draw(loaded, pictures, found, output)
    for source, each in found.items():
        means = ", ".join(
            f"{scale:g}: {mean:.3f}"
            for scale, mean in zip(
                loaded.config.scale_list, each.weights.mean((0, 1)), strict=True
            )
        )
        print(f"{source}: mean weight of scale {means}")
    print(f"wrote {output}")


if __name__ == "__main__":
    raise SystemExit(main())
