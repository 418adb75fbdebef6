"""Draws scale weights: `-m applications.semantic_segmentation.explain`."""

import argparse

from applications.common import command, runs
from applications.common.images import read_picture
from applications.semantic_segmentation import parsers
from applications.semantic_segmentation.model import load_model
from applications.semantic_segmentation.scale_maps import draw, scale_maps
from applications.semantic_segmentation.source import read_part


@command.parsed_by(parsers.explain)
def main(options: argparse.Namespace) -> None:
    """Draws how much each scale counts in pictures."""
    loaded = load_model(options.model)
    if options.image:
        pictures = {str(path): read_picture(path) for path in options.image}
    else:
        scenes = read_part(loaded, options)
        if not 0 <= options.index < len(scenes):
            raise ValueError(
                f"--index must be 0 to {len(scenes) - 1}. Received: "
                f"{options.index}"
            )
        scene = scenes[options.index]
        pictures = {scene.source: scene.image()}
    found = {
        source: scale_maps(loaded, image) for source, image in pictures.items()
    }
    output = options.output or runs.folder_of(options.model) / parsers.DRAWING
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
