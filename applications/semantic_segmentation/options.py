"""Options of the commands that use a trained network."""

import argparse
from pathlib import Path

from applications.common import command
from applications.semantic_segmentation.config import DEFAULT_RUN


def parser(description: str) -> argparse.ArgumentParser:
    """Returns a parser that knows the model."""
    made = command.parser(description)
    made.add_argument(
        "--model",
        type=Path,
        default=Path(DEFAULT_RUN),
        help="folder of a run, or the model in it",
    )
    command.add_data_options(made)
    return made


def add_source(made: argparse.ArgumentParser) -> None:
    """Adds which scenes of which data to look at."""
    made.add_argument(
        "--data", type=Path, help="folder in the place of that of the run"
    )
    made.add_argument(
        "--part",
        choices=("train", "validation", "test"),
        default="test",
        help="scenes to look at",
    )


def add_test_scales(made: argparse.ArgumentParser) -> None:
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


def check_test_scales(options: argparse.Namespace) -> None:
    """Checks what scores are averaged over."""
    if not all(0 < scale <= 8 for scale in options.test_scales):
        raise ValueError(
            "--test-scales must be above 0 and at most 8; they are "
            f"{options.test_scales}"
        )
