"""Predicts the classes of images in memory."""

import numpy as np

from applications.common.crops import Crops, readable
from applications.common.parts import Part
from applications.feature_visualization.model import Loaded
from keras_attn.applications import zfnet

# Crops that the network is run on at once.
BATCH = 500


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
