"""Heat maps that are measured."""

from typing import Any

import keras
import numpy as np

from keras_attn.explain.running.inputs import Inputs
from keras_attn.ops.heatmaps import check_values


def checked_heatmaps(heatmaps: Any, inputs: Inputs | None = None) -> np.ndarray:
    """Returns heat maps as float32 of `(n, height, width)` in [0, 1]."""
    if keras.ops.is_tensor(heatmaps):
        heatmaps = keras.ops.convert_to_numpy(heatmaps)
    maps = np.asarray(heatmaps)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(
            "`heatmaps` must be a batch of maps, (n, height, width). "
            f"Received: shape {maps.shape}"
        )
    if inputs is not None and maps.shape != (len(inputs), *inputs.size):
        raise ValueError(
            "`heatmaps` must be one for each image, of its size: "
            f"{(len(inputs), *inputs.size)}. Received: shape {maps.shape}"
        )
    fix = "Of each, subtract the least, divide by the range"
    return check_values("`heatmaps`", maps, fix=fix, dtype="float32")
