"""Options of the commands that use a trained network."""

import argparse
from pathlib import Path

from applications.common import command
from applications.feature_visualization.config import DEFAULT_RUN


def parser(description: str) -> argparse.ArgumentParser:
    """Returns a parser that knows the model."""
    made = command.parser(description)
    made.add_argument(
        "--model",
        type=Path,
        default=Path(DEFAULT_RUN),
        help="folder of a run",
    )
    command.add_data_options(made)
    return made


def add_source(made: argparse.ArgumentParser) -> None:
    """Adds which images of which data to look at."""
    made.add_argument(
        "--data",
        help="folder in the place of the data that the run had",
    )
    made.add_argument(
        "--part",
        choices=("train", "validation", "test"),
        default="test",
        help="images to look at",
    )
