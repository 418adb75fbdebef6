from typing import Any

import numpy as np

from keras_attn.checks import number
from keras_attn.explain.measures.heatmaps import checked_heatmaps


def pointing_game(heatmaps: Any, masks: Any, tolerance: float = 15) -> float:
    """Measures how often the maximum of a heatmap is on its object.

    Computes `hits / N`. A map is a hit if its maximum (the first one in
    raster order) is at most `tolerance` from the nearest pixel of the object,
    measured between pixel centres. A map without contrast is a miss.

    Reference: Zhang et al., "Top-down Neural Attention by Excitation
        Backprop", ECCV 2016,
        [arXiv:1608.00507](https://arxiv.org/abs/1608.00507), which averages
        the hit rate over the classes instead of over the images.

    Args:
        heatmaps: `(n, height, width)` in [0, 1].
        masks: Booleans `(n, height, width)`, true on the object. For a
            bounding box, mark all pixels inside it.
        tolerance: Distance in pixels, 0 or more. Defaults to 15, as in the
            paper.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: If the heatmaps, masks or tolerance are invalid, or if a
            mask is empty.

    Example:

    >>> heatmaps = np.zeros((2, 64, 64))
    >>> heatmaps[:, 32, 20] = 1.0
    >>> masks = np.zeros((2, 64, 64), "bool")
    >>> masks[0, 30:40, 30:40] = masks[1, :8, :8] = True
    >>> keras_attn.explain.pointing_game(heatmaps, masks)
    0.5
    """
    heatmaps, masks = checked_heatmaps(heatmaps), np.asarray(masks)
    if masks.dtype != bool or masks.shape != heatmaps.shape:
        raise ValueError(
            "`masks` must be booleans of the heatmaps' shape "
            f"{heatmaps.shape}. Received: shape {masks.shape} of "
            f"{masks.dtype}. For label maps, pass `labels == label`"
        )
    empty = np.flatnonzero(~masks.any(axis=(1, 2)))
    if empty.size:
        raise ValueError(
            "`masks` must mark an object in each image. Received: empty masks "
            f"for the images {empty[:8].tolist()}"
        )
    tolerance = number("tolerance", tolerance, least=0)
    hits = 0
    for heatmap, mask in zip(heatmaps, masks, strict=True):
        if heatmap.max() > heatmap.min():
            peak = np.unravel_index(np.argmax(heatmap), heatmap.shape)
            away = np.argwhere(mask) - peak
            hits += int(np.min((away**2).sum(axis=1)) <= tolerance**2)
    return hits / len(heatmaps)
