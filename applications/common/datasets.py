"""Reads image data: a folder of classes, or Fashion-MNIST."""

import argparse
from pathlib import Path

import numpy as np

from applications.common.fashion import has_files, read_fashion
from applications.common.folders import read_folder
from applications.common.image_settings import ImageSettings
from applications.common.images import Shape
from applications.common.parts import Data, hold_out
from applications.common.problems import Problems

# One of this many training images is for validation: 5,000 out of 60,000.
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
        source: Folder of images, or with the four files of Fashion-MNIST;
            `None` for an installed Fashion-MNIST, otherwise downloaded.
        shape: Height, width and channels that images are resized to.
        seed: Seed to split a folder that has no folders for the parts.
        validation: Whether to use the last twelfth of the training images, or
            of each class of a folder, for validation.
        skip_bad: Whether to skip files that cannot be read.
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
        # Images of a folder are ordered by class, those of Fashion-MNIST are
        # mixed.
        is_mixed = source is None or has_files(Path(source))
        data = hold_out(data, "--validation", lambda _: _last(data, is_mixed))
    if len(data.train) < 2:
        raise ValueError("training needs at least two images")
    return data


def read_for(
    config: ImageSettings,
    options: argparse.Namespace,
    source: str | None = None,
    shape: Shape | None = None,
) -> Data:
    """Reads the data of a run.

    Args:
        config: Settings of the run, which determine the split.
        options: Parsed options of `command.add_data_options`.
        source: Other data, whose parts are used unchanged.
        shape: Another shape to resize the images to.
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
    """Returns the indices of the last training images, mixed or per class."""
    train = data.train
    groups = [np.arange(len(train))]
    if not is_mixed:
        classes = range(len(data.class_names))
        groups = [np.flatnonzero(train.labels == label) for label in classes]
    held = [group[len(group) - len(group) // SHARE :] for group in groups]
    held = np.concatenate(held)
    if not len(held):
        raise ValueError(
            f"--validation needs a class with at least {SHARE} training "
            f"images, or as many in all of Fashion-MNIST. Received: "
            f"{len(train)} images of {len(data.class_names)} classes"
        )
    return held
