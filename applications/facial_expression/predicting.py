"""Predicts the classes of images in memory."""

import numpy as np

from applications.common.batches import Batches
from applications.common.parts import Part
from applications.facial_expression.model import Loaded
from keras_attn.applications import fernet


def probabilities(
    loaded: Loaded, part: Part, batch_size: int = 32, workers: int = 1
) -> np.ndarray:
    """Returns an array `(images, classes)`, float32."""
    batches = Batches(
        part,
        batch_size,
        fernet.preprocess_input,
        data_format=loaded.data_format,
        workers=workers,
    )
    return np.asarray(loaded.model.predict(batches, verbose=0), "float32")
