"""The quantities from which a method computes its maps."""

from typing import Any, NamedTuple

import numpy as np


class Evidence(NamedTuple):
    """Features, gradients and weights of one batch, one entry per layer.

    Attributes:
        features: `A`, `(batch, height, width, channels)` in float32.
        gradients: `dy / dA`, of the same shape; empty for a method without
            gradients.
        weights: `w`, of the same shape or with height and width 1; empty if
            they are computed from features and gradients.
        classes: `(batch,)`, the explained classes.
    """

    features: list[Any]
    gradients: list[Any]
    weights: list[Any]
    classes: np.ndarray
