"""Reads the part of the data that a trained network is shown."""

import argparse

from applications.common import runs
from applications.common.classes import check_classes
from applications.common.parts import Part, part_of
from applications.facial_expression.data import read_data
from applications.facial_expression.model import Loaded


def read_part(loaded: Loaded, options: argparse.Namespace) -> Part:
    """Reads `--part` of `--data`, or of the data of the run.

    Seed and share held out are the run's, so that the parts are the same.
    """
    config = loaded.config
    data = read_data(
        options.data or config.data,
        loaded.shape,
        config.seed,
        config.hold_out if options.data is None else 0.0,
        options.skip_bad,
        options.workers,
    )
    folder = loaded.path.parent
    if options.data is None and (folder / runs.FACTS).exists():
        runs.check_data(folder, data.digest())
    check_classes(loaded.path, loaded.class_names, data.class_names)
    return part_of(data, options.part)
