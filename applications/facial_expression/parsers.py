"""Parsers of this task's commands; nothing here imports Keras."""

import argparse
import os
from pathlib import Path

from applications.common import command
from applications.facial_expression.config import DEFAULT_RUN, Config

# The file that `explain` draws.
DRAWING = "study.png"
# Epochs of the demonstration.
EPOCHS = 16


def train() -> argparse.ArgumentParser:
    """Returns the parser of `train`."""
    return command.training_parser(
        "Trains FERNet on faces.", Config, DEFAULT_RUN
    )


def evaluate() -> argparse.ArgumentParser:
    """Returns the parser of `evaluate`."""
    made = _model_parser(
        "Prints accuracy, recall and F1 of a trained network, draws the "
        "confusion matrix and writes the probabilities of each image."
    )
    command.add_source(made)
    command.add_output(made, "folder for the drawing and the table")
    return made


def predict() -> argparse.ArgumentParser:
    """Returns the parser of `predict`."""
    made = _model_parser(
        "Prints the class of each image file and its probability, separated "
        "by tabs."
    )
    made.add_argument("images", type=Path, nargs="+", help="image files")
    command.add_top(made)
    return made


def explain() -> argparse.ArgumentParser:
    """Returns the parser of `explain`."""
    made = _model_parser(
        "Draws, for each stage, the maps that FeatureAct reads, what it adds "
        "to them, the sum, and the sum over the face. Two models, one trained "
        "with --attention-activation sigmoid, are drawn side by side.",
        several=True,
    )
    command.add_source(made)
    made.add_argument(
        "--image",
        type=Path,
        help="image file instead of an image of the data",
    )
    made.add_argument(
        "--index", type=int, default=0, help="which image of the data"
    )
    made.add_argument(
        "--stages", nargs="+", help="names of stages, as stage1 (default: all)"
    )
    command.add_output(made, "the drawing, .png, .svg or .pdf", DRAWING)
    return made


def demo() -> argparse.ArgumentParser:
    """Returns the parser of `demo`."""
    made = command.parser(
        "Trains on 100 real images, tests on 100 others, reloads the model in "
        "a fresh process, and draws what FeatureAct does."
    )
    # The fastest of the three here, all start-up included.
    if "KERAS_BACKEND" not in os.environ:
        made.set_defaults(backend="jax")
    command.add_output(made, "folder to write to", Path("demo"))
    made.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0],
        help="a network is trained with each; the mean is printed",
    )
    made.add_argument(
        "--restart",
        action="store_true",
        help="begin anew instead of going on where an earlier start was",
    )
    made.add_argument(
        "--epochs", type=int, default=EPOCHS, help="of each training"
    )
    return made


def _model_parser(
    description: str, several: bool = False
) -> argparse.ArgumentParser:
    """Returns a parser that knows the model and its class names.

    Args:
        description: What the command does.
        several: Whether there may be several models.
    """
    made = command.model_parser(description, DEFAULT_RUN, several)
    made.add_argument(
        "--class-names",
        nargs="+",
        help="names of the classes, for a model without run.json beside it",
    )
    return made
