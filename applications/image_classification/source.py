"""Reads the images that a trained network is shown."""

import argparse

import numpy as np

from applications.common import runs
from applications.common.datasets import read_for
from applications.common.parts import Part, check_same_classes, part_of
from applications.image_classification.config import Config
from applications.image_classification.loading import Classifier


def read_part(
    classifier: Classifier, options: argparse.Namespace
) -> tuple[Part, list[str]]:
    """Reads `--part` of `--data`, or of the data of the run.

    Seed and validation are the run's, so that the parts are the same.

    Returns:
        The images, and the names of their classes.
    """
    facts = classifier.facts
    config = classifier.settings()
    if options.data is None and config is None:
        raise ValueError(
            f"{classifier.path}: no run of this task has trained this model, "
            "whose data could be read: give --data"
        )
    config = config or Config()
    data = read_for(config, options, options.data, classifier.shape)
    is_same = options.data is None and classifier.shape == config.shape
    if is_same:
        runs.check_data(classifier.path.parent, data.digest())
    known = options.class_names or facts.get("class_names")
    if known is not None:
        check_same_classes(
            classifier.path,
            classifier.class_names(known, len(data.class_names)),
            data.class_names,
        )
    return part_of(data, options.part), data.class_names


def evenly(part: Part, count: int) -> Part:
    """Returns so many images of a part, of each class about as many."""
    order = np.arange(len(part))
    # How many of its class come before each image.
    before = np.zeros(len(part), int)
    for label in np.unique(part.labels):
        members = part.labels == label
        before[members] = np.arange(members.sum())
    chosen = np.lexsort((order, part.labels, before))[:count]
    return part.take(chosen[np.lexsort((chosen, part.labels[chosen]))])
