"""Measures ZF-Net: `python -m applications.feature_visualization.evaluate`.

The network sees the centre of each image, or ten crops with `--ten-crop`.
"""

import argparse

import numpy as np

from applications.common import classifiers, command
from applications.common.classifiers import Classifier
from applications.common.crops import readable
from applications.common.datasets import read_for
from applications.common.parts import Part
from applications.feature_visualization import parsers
from applications.feature_visualization.model import load_model
from keras_attn.applications import zfnet

# Crops that the network reads at once.
BATCH = 500


@command.parsed_by(parsers.evaluate)
def main(options: argparse.Namespace) -> None:
    """Evaluates a network."""
    loaded, ten_crop = load_model(options.model), options.ten_crop
    part = read_part(loaded, options)
    predicted = probabilities(loaded, part, ten_crop, options.workers)
    by = f", {'mean of ten crops' if ten_crop else 'centre crop'}"
    classifiers.evaluate(
        loaded, part, predicted, options, by, ten_crop=ten_crop
    )


def read_part(loaded: Classifier, options: argparse.Namespace) -> Part:
    """Reads `--part` of `--data`, or of the data of the run.

    Images have the size of the run; the network reads crops of them.
    """
    data = read_for(loaded.config, options, options.data)
    return loaded.part(data, options)


def probabilities(
    loaded: Classifier, part: Part, ten_crop: bool = False, workers: int = 1
) -> np.ndarray:
    """Returns probabilities `(images, classes)`, float32.

    Args:
        loaded: The network.
        part: Images of the size that the run resizes to.
        ten_crop: Whether to average over the corners, the centre and their
            mirror images, instead of using only the centre.
        workers: Threads that make batches.
    """
    if not ten_crop:
        return loaded.predict(part.images, BATCH, workers)
    if not loaded.config.crop:
        raise ValueError(
            "--ten-crop needs a network that was trained on crops. Received: "
            "a network that was trained on whole images (--crop 0)"
        )
    images = readable(part.images, loaded.data_format)
    return zfnet.predict_ten_crops(loaded.model, images, batch_size=BATCH)


if __name__ == "__main__":
    raise SystemExit(main())
