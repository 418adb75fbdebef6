"""Reads the part of the data that a trained network is shown."""

import argparse

from applications.common import runs
from applications.common.classes import check_classes
from applications.common.datasets import read_for
from applications.common.parts import Part, part_of
from applications.feature_visualization.model import Loaded


def read_part(loaded: Loaded, options: argparse.Namespace) -> Part:
    """Reads `--part` of `--data`, or of the data of the run.

    Images have the size that the run brought them to, of which the network
    reads a crop. Seed and validation are the run's, so that the parts are the
    same.
    """
    data = read_for(loaded.config, options, options.data)
    if options.data is None:
        runs.check_data(runs.folder_of(options.model), data.digest())
    check_classes(options.model, loaded.class_names, data.class_names)
    return part_of(data, options.part)
