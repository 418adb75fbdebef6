"""Finds out what kind of data a path is, and reads it."""

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
    """Reads the data of a run; arguments are as of `datasets.read_for`."""
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
    """Reads the images into memory, 2 kB each at 48 x 48 and grey.

    All files are read at the start, so that a bad one is found before the
    first epoch and not in the middle of it.

    Args:
        source: Path of a csv or a folder; `None` for the embedded faces.
        shape: Height, width and channels to bring the images to.
        seed: Of the division of folders, and of what is held out.
        held_out: Share of the training images to validate with.
        skip_bad: Whether to leave out what cannot be read.
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
            raise ValueError(f"{path}: neither a .csv file nor a folder")
    problems.report()
    if held_out:
        shares = [1 - held_out, held_out]
        data = hold_out(
            data,
            "--hold-out is for",
            lambda train: divide(train.labels, shares, seed)[1],
        )
    if len(data.train) < 2:
        raise ValueError("training needs two images or more")
    return data
