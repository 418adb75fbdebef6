"""Draws FeatureAct's maps: `-m applications.facial_expression.explain`."""

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
    """Draws what FeatureAct reads and adds."""
    networks = [load_model(each, options.class_names) for each in options.model]
    shapes = {loaded.shape for loaded in networks}
    if len(shapes) > 1:
        raise ValueError(
            "the models must read images of the same shape. Received: "
            f"{sorted(shapes)}"
        )
    first = networks[0]
    if options.image is not None:
        images, sources = read_files([options.image], first.shape, False, 1)
        image, source = images[0], sources[0]
    else:
        part = read_part(first, options)
        if not 0 <= options.index < len(part):
            raise ValueError(
                f"--index must be 0 to {len(part) - 1}. Received: "
                f"{options.index}"
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
        print(f"{name}, {source}: mean of cor_feature / mean of features")
        for each in maps:
            share = np.mean(each.cor_feature) / np.mean(each.features)
            print(f"  {each.stage}  {share:.3f}")
    print(f"wrote {output}")


def title(activation: str) -> str:
    """Returns the title of a network in the drawing."""
    return "without sigmoid" if activation == "none" else f"with {activation}"


if __name__ == "__main__":
    raise SystemExit(main())
