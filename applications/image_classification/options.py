"""Options of the commands that use saved classifiers."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from applications.common import command
from applications.image_classification.config import DEFAULT_RUN

# The names on the command line, and those in `keras_attn.explain`.
METHODS = {
    "cam": "CAM",
    "grad_cam": "GradCAM",
    "grad_cam_plus_plus": "GradCAMPlusPlus",
    "x_grad_cam": "XGradCAM",
    "hi_res_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
    "eigen_cam": "EigenCAM",
    "eigen_grad_cam": "EigenGradCAM",
    "score_cam": "ScoreCAM",
    "conceptor_cam": "ConceptorCAM",
}
# Of transformers only.
ROLLOUT = "attention_rollout"
INPUT_RANGES = ("0,255", "0,1", "-1,1", "imagenet", "caffe")


def parser(description: str) -> argparse.ArgumentParser:
    """Returns a parser that knows the model, the images and the methods."""
    made = model_parser(description)
    add_images(made, required=False)
    _add_method_options(made)
    made.add_argument(
        "--limit", type=int, default=16, help="the most images to explain"
    )
    return made


def add_images(made: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds the images to look at."""
    made.add_argument(
        "--images",
        type=Path,
        nargs="+",
        required=required,
        help="image files, or folders of them"
        + ("" if required else " (default: --part of --data, evenly by class)"),
    )


def model_parser(description: str) -> argparse.ArgumentParser:
    """Returns a parser that knows the model and what it reads."""
    made = command.parser(description)
    made.add_argument(
        "--model",
        type=Path,
        default=Path(DEFAULT_RUN),
        help="folder of a run, or a .keras, .h5 or .hdf5 file",
    )
    made.add_argument(
        "--class-names",
        nargs="+",
        help="names in the order of the classes, or a text file with one a "
        "line (default: those of the run, or indices)",
    )
    made.add_argument(
        "--input-range",
        choices=INPUT_RANGES,
        metavar="RANGE",
        help="what the model wants pixels of 0 to 255 to be: 0,255 or 0,1 or "
        "-1,1; imagenet for (pixel / 255 - mean) / std as in torchvision; "
        "caffe for blue, green, red less their means. Needed for a model "
        "whose first layer does not scale pixels of 0 to 255, as that of "
        "each run of this task does",
    )
    made.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="of the images, for a model that takes any size",
    )
    made.add_argument("--batch-size", type=int, default=32, help="images a run")
    command.add_data_options(made)
    return made


def _add_method_options(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--method",
        nargs="+",
        choices=(*METHODS, ROLLOUT),
        metavar="METHOD",
        default=["grad_cam"],
        help=f"of each, one column is drawn: {' '.join(METHODS)}, and of a "
        f"transformer {ROLLOUT}",
    )
    made.add_argument(
        "--layer",
        nargs="+",
        help="names of layers, or paths as inner/conv5; the maps of several "
        "are averaged (default: the last feature map)",
    )
    made.add_argument(
        "--target",
        help="name or index of the class that is explained (default: the one "
        "that is predicted)",
    )
    for name, text in (
        ("aug", "average over mirrored, darker and lighter images"),
        ("eigen", "first principal component instead of the sum"),
    ):
        made.add_argument(f"--{name}-smooth", action="store_true", help=text)


def check_positive(options: argparse.Namespace, *names: str) -> None:
    """Checks options that count something."""
    for name in names:
        if getattr(options, name) < 1:
            name = name.replace("_", "-")
            raise ValueError(f"--{name} must be 1 or more")


def joined(argv: Sequence[str] | None) -> list[str]:
    """Returns the arguments with `--input-range -1,1` as one of them.

    `argparse` takes what begins with a dash for an option.
    """
    found: list[str] = []
    for each in sys.argv[1:] if argv is None else argv:
        if found and found[-1] == "--input-range":
            found[-1] += f"={each}"
        else:
            found.append(each)
    return found
