"""Rescales the features of a pretrained network for new layers.

VGG16's features are in the hundreds, like its images. Layers with random
weights learn from numbers around 1.
"""

from collections.abc import Iterable

import keras
import numpy as np

from applications.semantic_segmentation.model import STAGES

# Smallest deviation as a fraction of the mean over the channels, so that nearly
# constant channels are not amplified.
FLOOR = 0.1


def rescale(model: keras.Model, batches: Iterable[np.ndarray]) -> None:
    """Divides each channel at the end of a stage by its standard deviation.

    The following weights are multiplied by the same factor, so that the
    function of the network does not change: ReLU and pooling commute with
    positive factors. Layers after the last stage and those of `skips` are not
    multiplied, since they are new.

    Args:
        model: A DeepLab in which only the convolutions are pretrained.
        batches: Preprocessed images to measure the deviations on.
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
    """Returns the standard deviation of each channel, by stage."""
    # A new graph of the layers, since shared layers have one output per scale.
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
