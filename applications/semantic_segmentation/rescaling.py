"""Brings the features of a trained network to the size that new layers want.

VGG16's features are in the hundreds, as its images are, and layers that start
from random weights learn from numbers around 1.
"""

from collections.abc import Iterable

import keras
import numpy as np

from applications.semantic_segmentation.model import STAGES

# Of the mean over the channels: what hardly ever answers is not amplified.
FLOOR = 0.1


def rescale(model: keras.Model, batches: Iterable[np.ndarray]) -> None:
    """Divides each channel at the end of a stage by its standard deviation.

    The weights behind it are multiplied by as much, so that the network sees
    the same in its images: ReLU and pooling commute with positive factors.
    That is not done for layers behind the last stage, and for `skips`, since
    they are new.

    Args:
        model: A DeepLab whose convolutions are trained, and no other layer.
        batches: Images as the network reads them, to measure on.
    """
    deviations = _deviations(model, batches)
    for stage, name in enumerate(STAGES):
        factor = deviations[name]
        last = _convolutions(model, name)[-1]
        kernel, bias = last.get_weights()
        last.set_weights([kernel / factor, bias / factor])
        if stage + 1 < len(STAGES):
            after = _convolutions(model, STAGES[stage + 1])[0]
            kernel, bias = after.get_weights()
            after.set_weights([kernel * factor[:, None], bias])


def _convolutions(model: keras.Model, stage: str) -> list[keras.layers.Layer]:
    return [
        layer
        for layer in model.layers
        if layer.name.startswith(f"{stage}_conv")
    ]


def _deviations(
    model: keras.Model, batches: Iterable[np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the deviation of each channel, by the name of the stage."""
    # By the layers anew: shared ones have an output for each scale.
    image = x = keras.Input(model.input_shape[1:])
    ends = []
    for name in STAGES:
        for layer in (*_convolutions(model, name), model.get_layer(name)):
            x = layer(x)
        ends.append(x)
    seen = keras.Model(image, ends)
    first = keras.config.image_data_format() == "channels_first"
    axes = (0, 2, 3) if first else (0, 1, 2)
    variances = []
    for batch in batches:
        outputs = seen.predict_on_batch(batch)
        variances.append(
            [np.var(np.asarray(y, "float64"), axis=axes) for y in outputs]
        )
    found = {}
    for name, *values in zip(STAGES, *variances, strict=True):
        deviation = np.sqrt(np.mean(values, axis=0))
        least = FLOOR * deviation.mean() or 1.0
        found[name] = np.maximum(deviation, least).astype("float32")
    return found
