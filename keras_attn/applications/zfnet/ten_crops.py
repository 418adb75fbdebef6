"""Predictions averaged over ten crops of each image."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import checks
from keras_attn.layers.historic.ten_crop import TenCrop


def predict_ten_crops(
    model: keras.Model,
    images: Any,
    size: int | tuple[int, int] | None = None,
    batch_size: int = 32,
    verbose: int = 0,
) -> Any:
    """Averages the predictions of a model over ten crops of each image.

    `y[n] = mean_k f(crop_k(x[n]))`, over the corners, the centre and their
    mirror images, see `keras_attn.layers.TenCrop`. All batches have the same
    number of crops, so the model is compiled only once. The model is not
    changed.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014 (https://arxiv.org/abs/1311.2901), section 3, which
    takes crops of 224 x 224 pixels from 256 x 256.

    Args:
        model: A Keras model that takes one batch of images, with one output
            or a nest of outputs.
        images: NumPy array `(n, height, width, channels)`, or
            `(n, channels, height, width)` if channels are first, in the range
            that the model expects. The data format is that of the model's
            first layer with a `data_format`, or otherwise the Keras setting.
        size: Positive integer or a pair, the height and width of a crop in
            pixels. Defaults to the size of the model's input.
        batch_size: Positive integer, the maximum number of crops to run the
            model on at once. The ten crops of an image always stay together.
            Defaults to 32.
        verbose: 0 for no output, 1 for a progress bar over the images, or 2
            for a single line. Defaults to 0.

    Returns:
        A float32 array `(n, ...)`, or a nest of arrays like the model's
        outputs.

    Raises:
        ValueError: If `images` is empty, does not have four axes or is smaller
            than the crops, if the model has several inputs, if `size` is not
            given and the input size of the model is unknown, or if another
            argument is invalid.

    Example:

    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((2, 2, 1)),
    ...         keras.layers.GlobalMaxPooling2D(data_format="channels_last"),
    ...     ]
    ... )
    >>> images = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> y = keras_attn.applications.zfnet.predict_ten_crops(model, images)
    >>> round(float(y[0, 0]), 4)
    5.6
    """
    batch_size = checks.positive("batch_size", batch_size)
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            "`images` must hold at least one image, in an array with four "
            f"axes. Received: shape {images.shape}"
        )
    inputs = keras.tree.flatten(getattr(model, "inputs", None) or [])
    if len(inputs) > 1:
        raise ValueError(
            "`model` must have a single input, the images. Received: inputs "
            f"{[tensor.name for tensor in inputs]}"
        )
    data_format = _data_format(model) or keras.config.image_data_format()
    if size is None:
        size = _input_size(inputs, data_format)
    # In float32, since the model applies its own dtype policy.
    crop = TenCrop(*checks.pair("size", size), data_format, dtype="float32")
    crop.build(images.shape)
    parts = []
    progress = keras.utils.Progbar(len(images), verbose=verbose)
    for indices, count in _groups(len(images), max(1, batch_size // 10)):
        crops = ops.convert_to_numpy(crop(images[indices]))
        outputs = model.predict(crops, batch_size=len(crops), verbose=0)
        parts.append(
            keras.tree.map_structure(
                lambda y, count=count: _average(y)[:count], outputs
            )
        )
        progress.add(count)
    return keras.tree.map_structure(lambda *ys: np.concatenate(ys), *parts)


def _data_format(model: keras.Model) -> str | None:
    """Returns the format of the first layer that has one, or `None`."""
    for layer in model.layers:
        own = getattr(layer, "data_format", None)
        if own is None and isinstance(layer, keras.Model):
            own = _data_format(layer)
        if own in ("channels_first", "channels_last"):
            return own
    return None


def _input_size(inputs: list[Any], data_format: str) -> tuple[Any, ...]:
    """Returns the height and width that a model declares."""
    shape = tuple(inputs[0].shape) if inputs else None
    first = data_format == "channels_first"
    size = (shape[2:] if first else shape[1:3]) if shape else ()
    if len(shape or ()) != 4 or None in size:
        raise ValueError(
            "`size` must be given for a model whose input has no fixed height "
            f"and width. Received: size=None, and an input of shape {shape}"
        )
    return size


def _groups(count: int, most: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields batches of indices of one size, and how many of them are real.

    The last batch is padded with index 0, since another size would need
    another compilation.
    """
    side = -(-count // -(-count // most))
    for start in range(0, count, side):
        indices = np.arange(start, min(start + side, count))
        yield np.pad(indices, (0, side - len(indices))), len(indices)


def _average(outputs: Any) -> np.ndarray:
    """Averages each ten rows in float32, since NumPy lacks bfloat16."""
    outputs = np.asarray(outputs).astype("float32")
    outputs = outputs.reshape(-1, 10, *outputs.shape[1:])
    return outputs.mean(axis=1)
