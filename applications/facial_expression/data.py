"""Reads faces: a FER2013 csv, a folder of classes, or built-in images."""

import argparse
from pathlib import Path

from applications.common.folders import read_folder
from applications.common.images import Shape
from applications.common.parts import Data, divide, hold_out
from applications.common.problems import Problems
from applications.facial_expression.config import Config
from applications.facial_expression.faces import read_faces
from applications.facial_expression.fer2013 import read_fer2013


def read_for(
    config: Config,
    options: argparse.Namespace,
    source: str | None = None,
    shape: Shape | None = None,
) -> Data:
    """Reads the data of a run; the arguments are as in `datasets.read_for`."""
    return read_data(
        source or config.data,
        shape or config.shape,
        config.seed,
        config.hold_out if source is None else 0.0,
        options.skip_bad,
        options.workers,
    )


def read_data(
    source: str | None,
    shape: Shape,
    seed: int = 0,
    held_out: float = 0.0,
    skip_bad: bool = False,
    workers: int = 1,
) -> Data:
    """Reads all images into memory, 2 kB per grey image of 48 x 48 pixels.

    All files are read at the start, so that a bad one is found before the
    first epoch.

    Args:
        source: Path of a csv or a folder; `None` for the built-in images.
        shape: Height, width and channels that images are resized to.
        seed: Seed to split folders and to hold out images.
        held_out: Fraction of the training images to use for validation.
        skip_bad: Whether to skip files and rows that cannot be read.
        workers: Threads that read files.
    """
    problems = Problems(skip_bad)
    if source is None:
        data = read_faces(shape)
    else:
        path = Path(source)
        if path.is_dir():
            data = read_folder(path, shape, problems, seed, workers)
        elif not path.exists():
            raise ValueError(f"{path}: there is no such file or folder")
        elif path.suffix.lower() == ".csv":
            data = read_fer2013(path, shape, problems)
        else:
            raise ValueError(f"{path}: must be a .csv file or a folder")
    problems.report()
    if held_out:
        shares = [1 - held_out, held_out]
        data = hold_out(
            data,
            "--hold-out",
            lambda train: divide(train.labels, shares, seed)[1],
        )
    if len(data.train) < 2:
        raise ValueError("training needs at least two images")
    return data
