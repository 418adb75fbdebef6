"""Measures a network: `python -m applications.feature_visualization.evaluate`.

It is shown the centre of each image, or with `--ten-crop` ten crops.
"""

import argparse
from collections.abc import Sequence

import numpy as np

from applications.common import command, reports, runs
from applications.common.crops import Crops, readable
from applications.common.datasets import read_for
from applications.common.parts import Part
from applications.common.saved import Loaded
from applications.feature_visualization import parsers
from applications.feature_visualization.model import load_model
from keras_attn.applications import zfnet

# Crops that the network is run on at once.
BATCH = 500


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and evaluates."""
    return command.run(parsers.evaluate(), _evaluate, argv)


def _evaluate(options: argparse.Namespace) -> None:
    loaded = load_model(options.model)
    part = read_part(loaded, options)
    predicted = probabilities(loaded, part, options.ten_crop, options.workers)
    names = loaded.class_names
    matrix = reports.confusion_matrix(
        part.labels, predicted.argmax(axis=1), len(names)
    )
    seen = "ten crops" if options.ten_crop else "the centre"
    print(f"{options.part} images of {options.model}, by {seen}")
    print(reports.table(matrix, names))
    folder = options.output or runs.folder_of(options.model)
    shown = {"part": options.part, "ten_crop": options.ten_crop}
    reports.write(folder, matrix, names, shown)


def read_part(loaded: Loaded, options: argparse.Namespace) -> Part:
    """Reads `--part` of `--data`, or of the data of the run.

    Images have the size that the run brought them to, of which the network
    reads a crop.
    """
    data = read_for(loaded.config, options, options.data)
    return loaded.part(data, options)


def probabilities(
    loaded: Loaded, part: Part, ten_crop: bool = False, workers: int = 1
) -> np.ndarray:
    """Returns an array `(images, classes)`, float32.

    Args:
        loaded: The network.
        part: Images of the size that its run brought them to.
        ten_crop: Whether to take the mean over the corners, the centre and
            their mirror images, and not the centre alone.
        workers: Threads that make batches.
    """
    crop, data_format = loaded.config.crop, loaded.data_format
    if ten_crop:
        if not crop:
            raise ValueError(
                "--ten-crop needs a network that was trained on crops; this "
                "one was on whole images (--crop 0)"
            )
        images = readable(part.images, data_format)
        return zfnet.predict_ten_crops(loaded.model, images, batch_size=BATCH)
    batches = Crops(part, BATCH, crop, data_format=data_format, workers=workers)
    return np.asarray(loaded.model.predict(batches, verbose=0), "float32")


if __name__ == "__main__":
    raise SystemExit(main())
