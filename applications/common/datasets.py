"""Finds out what kind of data a path is, and reads it."""

import argparse
from pathlib import Path

import numpy as np

from applications.common.fashion import has_files, read_fashion
from applications.common.folders import read_folder
from applications.common.image_settings import ImageSettings
from applications.common.images import Shape
from applications.common.parts import Data, hold_out
from applications.common.problems import Problems

# The part of the training images that validate: 5,000 out of 60,000.
SHARE = 12


def read_data(
    source: str | None,
    shape: Shape,
    seed: int = 0,
    validation: bool = False,
    skip_bad: bool = False,
    workers: int = 1,
) -> Data:
    """Reads all parts into memory, uint8 in [0, 255].

    Args:
        source: Path of a folder of images, or of Fashion-MNIST's four files;
            `None` for those that are installed, or else downloaded.
        shape: Height, width and channels to bring the images to.
        seed: Of the division of a folder that is not divided.
        validation: Whether the last twelfth of the training images is taken
            away to validate with; of a folder, that of each class.
        skip_bad: Whether to leave out what cannot be read.
        workers: Threads that read files.
    """
    problems = Problems(skip_bad)
    if source is None:
        data = read_fashion(None, shape)
    else:
        path = Path(source)
        if not path.is_dir():
            raise ValueError(f"{path}: there is no such folder")
        if has_files(path):
            data = read_fashion(path, shape)
        else:
            data = read_folder(path, shape, problems, seed, workers)
    problems.report()
    if validation:
        # Fashion-MNIST's images are in no order; those of folders are in that
        # of their classes.
        is_mixed = source is None or has_files(Path(source))
        data = hold_out(
            data,
            "--validation takes images of the training part away, for",
            lambda _: _last(data, is_mixed),
        )
    if len(data.train) < 2:
        raise ValueError("training needs two images or more")
    return data


def read_for(
    config: ImageSettings,
    options: argparse.Namespace,
    source: str | None = None,
    shape: Shape | None = None,
) -> Data:
    """Reads the data of a run.

    Args:
        config: Its settings, so that parts are divided as they were.
        options: With those of `command.add_data_options`.
        source: Other data, whose parts are taken as they are.
        shape: Another one to bring the images to.
    """
    return read_data(
        source or config.data,
        shape or config.shape,
        config.seed,
        config.validation and source is None,
        options.skip_bad,
        options.workers,
    )


def _last(data: Data, is_mixed: bool) -> np.ndarray:
    """Returns the last training images, those of each class if need be."""
    train = data.train
    groups = [np.arange(len(train))]
    if not is_mixed:
        classes = range(len(data.class_names))
        groups = [np.flatnonzero(train.labels == label) for label in classes]
    held = [group[len(group) - len(group) // SHARE :] for group in groups]
    held = np.concatenate(held)
    if not len(held):
        raise ValueError(
            f"--validation takes one of {SHARE} training images away, and "
            f"there are {len(train)} of {len(data.class_names)} classes"
        )
    return held
