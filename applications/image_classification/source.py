"""Reads the images to show to a trained network."""

import argparse
import dataclasses

import numpy as np

from applications.common import runs
from applications.common.classifiers import Classifier
from applications.common.datasets import read_for
from applications.common.parts import Part
from applications.image_classification.config import Config


def read_part(
    classifier: Classifier, options: argparse.Namespace
) -> tuple[Part, Classifier]:
    """Reads `--part` of `--data`, or of the data of the run.

    Seed and validation are those of the run, so that the parts are the same.

    Returns:
        The images, and the classifier with the names of their classes.
    """
    config = Config()
    # No other task has this setting.
    if "network" in classifier.config:
        facts = classifier.path.parent / runs.FACTS
        config = Config.from_dict(classifier.config, facts)
    elif options.data is None:
        raise ValueError(
            f"{classifier.path}: there is no run of this task next to the "
            "model, which would name the data. Pass --data"
        )
    data = read_for(config, options, options.data, classifier.shape)
    named = dataclasses.replace(classifier, class_names=data.class_names)
    known = classifier if classifier.is_named else named
    return known.part(data, options), named


def evenly(part: Part, count: int) -> Part:
    """Returns `count` images of a part, spread evenly over the classes."""
    order = np.arange(len(part))
    # Number of images of the same class before each image.
    before = np.zeros(len(part), int)
    for label in np.unique(part.labels):
        members = part.labels == label
        before[members] = np.arange(members.sum())
    chosen = np.lexsort((order, part.labels, before))[:count]
    return part.take(chosen[np.lexsort((chosen, part.labels[chosen]))])
