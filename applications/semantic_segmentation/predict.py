"""Labels pixels: `python -m applications.semantic_segmentation.predict`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from applications.common import command, files, runs
from applications.common.extras import optional
from applications.common.images import read_picture
from applications.common.problems import Problems
from applications.semantic_segmentation.config import DEFAULT_RUN
from applications.semantic_segmentation.options import (
    add_test_scales,
    check_test_scales,
)

NAME = "predictions"


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and predicts."""
    parser = command.model_parser(
        "Writes two files for each picture: the classes of its pixels, as an "
        "index PNG with a palette, and the picture with their colours on it.",
        DEFAULT_RUN,
    )
    parser.add_argument("images", type=Path, nargs="+", help="image files")
    command.add_output(parser, "folder for the files", NAME)
    add_test_scales(parser)
    return command.run(parser, _predict, argv)


def _predict(options: argparse.Namespace) -> None:
    check_test_scales(options)
    stems = [path.stem for path in options.images]
    if len(set(stems)) < len(stems):
        raise ValueError(
            "two of the images have one name, and would become one file: "
            f"{sorted(stems)}"
        )
    # Late, because Keras reads the backend when it is imported.
    from applications.semantic_segmentation.model import load_model
    from applications.semantic_segmentation.palette import (
        overlay,
        write_index_png,
    )
    from applications.semantic_segmentation.predicting import predict_mask

    loaded = load_model(options.model)
    output = options.output or runs.folder_of(options.model) / NAME
    problems = Problems(options.skip_bad)
    for path in options.images:
        try:
            image = read_picture(path)
        except ValueError as problem:
            problems.add(str(problem))
            continue
        mask = predict_mask(
            loaded, image, None, options.test_scales, options.flip
        )
        target = output / f"{path.stem}.png"
        write_index_png(target, mask, loaded.palette)
        drawn = overlay(image, mask, loaded.palette)
        shown = output / f"{path.stem}_overlay.png"
        with files.replacing(shown) as partial:
            optional("PIL.Image", "images").fromarray(drawn).save(partial)
        print(f"{path}\t{target}\t{_shares(mask, loaded.class_names)}")
    problems.report()
    if len(problems.messages) == len(options.images):
        raise ValueError("none of the files is an image")


def _shares(mask: np.ndarray, names: Sequence[str]) -> str:
    """Returns the classes of a mask, those with most pixels first."""
    counts = np.bincount(mask.ravel(), minlength=len(names))
    return ", ".join(
        f"{names[index]} {counts[index] / mask.size:.3f}"
        for index in np.argsort(-counts)
        if counts[index]
    )


if __name__ == "__main__":
    raise SystemExit(main())
