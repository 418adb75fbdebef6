"""Parsers of this task's commands; nothing here imports Keras."""

import os
from pathlib import Path

from applications.common import command
from applications.common.parsing import (
    DATA,
    EXPLANATION,
    NETWORK,
    OUTPUT,
    TRAINING,
    Examples,
    Parser,
)
from applications.facial_expression.config import DEFAULT_RUN, Config

# The file that `explain` draws.
DRAWING = "study.png"
# Epochs of the demonstration.
EPOCHS = 16


def train() -> Parser:
    """Returns the parser of `train`."""
    return command.training_parser(
        "Trains FERNet on a folder of faces, FER2013 or built-in images.",
        Config,
        DEFAULT_RUN,
        [
            ("Train on the 200 images of scikit-image.", "--mirror"),
            (
                "Train on FER2013, and stop when the accuracy stops rising.",
                "--data fer2013.csv --epochs 60 --batch-size 64 "
                "--schedule cosine --warmup-epochs 2 --augment "
                "--class-weights --early-stopping 12 --output runs/fer",
            ),
        ],
    )


def evaluate() -> Parser:
    """Returns the parser of `evaluate`."""
    made = _model_parser(
        "Prints the accuracy, recall and F1 of a trained network. Draws the "
        "confusion matrix and writes the probabilities of each image.",
        examples=[
            ("Measure the network that demo trains.", "--model demo/seed0"),
            (
                "Measure on the validation images.",
                "--model runs/fer --part validation --output validation",
            ),
        ],
    )
    command.add_source(made)
    command.add_data_options(made)
    command.add_output(made, "folder for the drawing and the table")
    return made


def predict() -> Parser:
    """Returns the parser of `predict`."""
    made = _model_parser(
        "Prints the expression in each image file. Each line has the file, "
        "the class and its probability, separated by tabs.",
        examples=[
            (
                "Print the three most probable expressions.",
                "--model runs/fer --top 3 face.jpg",
            )
        ],
    )
    command.add_images(made)
    command.add_data_options(made)
    command.add_top(made)
    return made


def explain() -> Parser:
    """Returns the parser of `explain`."""
    made = _model_parser(
        "Draws what FeatureAct reads and adds at each stage of a network. "
        "The columns are the input maps, what the block adds to them, the "
        "sum, and the sum over the face. Several models are drawn side by "
        "side, such as one trained with --attention-activation sigmoid.",
        several=True,
        examples=[
            (
                "Compare the two networks that demo trains.",
                "--model demo/seed0 demo/sigmoid",
            ),
            (
                "Draw two stages for your own image.",
                "--model runs/fer --image face.jpg --stages stage1 stage2 "
                "--output face.png",
            ),
        ],
    )
    command.add_source(made)
    made.add_argument(
        "--image",
        type=Path,
        group=DATA,
        help="image file to use instead of an image of the data",
    )
    command.add_index(made, "image")
    command.add_data_options(made)
    made.add_argument(
        "--stages",
        nargs="+",
        metavar="NAME",
        derived="all",
        group=EXPLANATION,
        help="names of the stages to draw, such as stage1",
    )
    command.add_output(made, "drawing to write: .png, .svg or .pdf", DRAWING)
    return made


def demo() -> Parser:
    """Returns the parser of `demo`."""
    made = Parser(
        "Trains and tests FERNet on 200 built-in images in minutes. Half "
        "of the images are for training, half for the test. Reloads the model "
        "in a new process, and draws what FeatureAct does with and without "
        "the sigmoid. Runs on JAX unless KERAS_BACKEND or --backend is set.",
        [
            ("Run the demonstration.", ""),
            (
                "Train three networks on PyTorch and print their mean.",
                "--backend torch --seeds 0 1 2",
            ),
        ],
    )
    # The fastest backend here, including the time to start.
    if "KERAS_BACKEND" not in os.environ:
        made.set_defaults(backend="jax")
    command.add_output(made, "folder to write to", Path("demo"))
    made.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0],
        group=TRAINING,
        help="one network is trained per seed, and the mean is printed",
    )
    made.add_argument(
        "--epochs",
        type=int,
        default=EPOCHS,
        group=TRAINING,
        help="passes over the training images in each training",
    )
    made.add_argument(
        "--restart",
        action="store_true",
        group=OUTPUT,
        help="start again instead of resuming an earlier run",
    )
    return made


def _model_parser(
    description: str, several: bool = False, examples: Examples = ()
) -> Parser:
    """Returns a parser with the options of the model and its class names.

    Args:
        description: What the command does.
        several: Whether several models can be given.
        examples: As in `Parser`.
    """
    made = command.model_parser(description, DEFAULT_RUN, several, examples)
    made.add_argument(
        "--class-names",
        nargs="+",
        metavar="NAME",
        derived="those of the run",
        group=NETWORK,
        help="names of the classes, for a model without a run.json next to it",
    )
    return made
