"""Checks of the heatmaps that the measures take."""

from typing import Any

import keras
import numpy as np

from keras_attn.explain.running.inputs import Inputs
from keras_attn.ops.heatmaps import check_values


def checked_heatmaps(heatmaps: Any, inputs: Inputs | None = None) -> np.ndarray:
    """Returns heatmaps `(n, height, width)` in [0, 1] as float32."""
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
            "`heatmaps` must hold one map per image, of the images' size: "
            f"{(len(inputs), *inputs.size)}. Received: shape {maps.shape}"
        )
    fix = "For each map, subtract the minimum and divide by the range"
    return check_values("`heatmaps`", maps, fix=fix, dtype="float32")
