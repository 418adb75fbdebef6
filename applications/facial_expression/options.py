"""Options of the commands that use a trained network."""

import argparse
from pathlib import Path

from applications.common import command
from applications.facial_expression.config import DEFAULT_RUN


def parser(description: str, models: bool = False) -> argparse.ArgumentParser:
    """Returns a parser that knows the model and its class names.

    Args:
        description: What the command does.
        models: Whether there may be several models.
    """
    made = command.parser(description)
    made.add_argument(
        "--model",
        type=Path,
        nargs="+" if models else None,
        default=[Path(DEFAULT_RUN)] if models else Path(DEFAULT_RUN),
        help="folder of a run, or a .keras file",
    )
    made.add_argument(
        "--class-names",
        nargs="+",
        help="names of the classes, for a model without run.json beside it",
    )
    command.add_data_options(made)
    return made


def add_source(made: argparse.ArgumentParser) -> None:
    """Adds which images of which data to look at."""
    made.add_argument(
        "--data",
        help="csv or folder in the place of the data that the run had",
    )
    made.add_argument(
        "--part",
        choices=("train", "validation", "test"),
        default="test",
        help="images to look at",
    )
