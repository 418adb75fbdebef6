"""What maps are made of."""

from typing import Any, NamedTuple

import numpy as np


class Evidence(NamedTuple):
    """What a method finds out about one batch, layer by layer.

    Attributes:
        features: `A`, `(batch, height, width, channels)` in float32.
        gradients: `dy / dA`, of the same shape; empty for a method that uses
            none.
        weights: `w`, of that shape, or with 1 instead of height and width;
            empty if they are made of features and gradients.
        classes: `(batch,)`, which are explained.
    """

    features: list[Any]
    gradients: list[Any]
    weights: list[Any]
    classes: np.ndarray
