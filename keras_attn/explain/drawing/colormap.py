"""A colormap for heatmaps, from dark blue to light red."""

import numpy as np
from numpy.typing import ArrayLike

from keras_attn.ops.heatmaps import check_values

# sRGB, in even steps from 0 to 1. The hues follow the familiar rainbow order.
# Unlike in a rainbow, each of 256 steps is lighter than the previous one
# (CIE L* from 6 to 74), so the order survives greyscale and red-green colour
# blindness. The red is pale because it must be lighter than the yellow.
COLORS = np.array(
    [
        (6, 10, 66),
        (12, 32, 134),
        (0, 63, 162),
        (0, 96, 148),
        (19, 129, 96),
        (97, 151, 37),
        (168, 151, 0),
        (226, 151, 33),
        (255, 155, 125),
    ],
    "float64",
)


def colorize(heatmap: ArrayLike) -> np.ndarray:
    """Maps a heatmap in [0, 1] to a uint8 RGB image."""
    heatmap = checked_heatmap(heatmap)
    places = np.linspace(0, 1, len(COLORS))
    channels = [np.interp(heatmap, places, color) for color in COLORS.T]
    return np.rint(np.stack(channels, axis=-1)).astype("uint8")


def checked_heatmap(heatmap: ArrayLike) -> np.ndarray:
    """Returns a heatmap `(height, width)` in [0, 1] as float64."""
    heatmap = np.asarray(heatmap)
    if heatmap.ndim != 2 or heatmap.size == 0:
        raise ValueError(
            "`heatmap` must be a single map of shape (height, width). "
            f"Received: shape={heatmap.shape}. For a batch, call this once per "
            "map."
        )
    fix = "Subtract the minimum and divide by the range."
    return check_values("`heatmap`", heatmap, fix=fix, dtype="float64")
