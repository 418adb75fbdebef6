"""Options of the commands that use a trained network."""

import argparse

from applications.common import command
from applications.facial_expression.config import DEFAULT_RUN


def parser(description: str, several: bool = False) -> argparse.ArgumentParser:
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
