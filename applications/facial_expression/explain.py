"""Draws what FeatureAct does: `-m applications.facial_expression.explain`."""

import argparse

import numpy as np

from applications.common import command, runs
from applications.common.images import read_files
from applications.facial_expression import parsers
from applications.facial_expression.evaluate import read_part
from applications.facial_expression.model import load_model
from applications.facial_expression.study import draw, study


@command.parsed_by(parsers.explain)
def main(options: argparse.Namespace) -> None:
    """Reads the command line and draws."""
    networks = [load_model(each, options.class_names) for each in options.model]
    shapes = {loaded.shape for loaded in networks}
    if len(shapes) > 1:
        raise ValueError(
            f"the models read images of different shapes: {sorted(shapes)}"
        )
    first = networks[0]
    if options.image is not None:
        images, sources = read_files([options.image], first.shape, False, 1)
        image, source = images[0], sources[0]
    else:
        part = read_part(first, options)
        if not 0 <= options.index < len(part):
            raise ValueError(
                f"--index must be 0 to {len(part) - 1}; it is {options.index}"
            )
        image = part.images[options.index]
        source = part.sources[options.index]
    studies = {}
    for loaded in networks:
        name = title(loaded.config.attention_activation)
        name = f"{loaded.path}: {name}" if name in studies else name
        studies[name] = study(loaded, image, options.stages)
    folder = runs.folder_of(options.model[0])
    output = options.output or folder / parsers.DRAWING
    draw(
        image,
        studies,
        output,
        "FeatureAct: features + cor_feature = sum, mean over channels",
    )
    for name, maps in studies.items():
        print(f"{name}, {source}: mean added / mean of the features")
        for each in maps:
            share = np.mean(each.cor_feature) / np.mean(each.features)
            print(f"  {each.stage}  {share:.3f}")
    print(f"wrote {output}")


def title(activation: str) -> str:
    """Returns how a network is called in the drawing."""
    return "without sigmoid" if activation == "none" else f"with {activation}"


if __name__ == "__main__":
    raise SystemExit(main())
