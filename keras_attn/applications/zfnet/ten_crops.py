"""Predictions for ten crops of each image."""

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
    """Returns the mean of what a model predicts for ten crops of each image.

    `y[n] = mean_k f(crop_k(x[n]))`, over the corners, the centre and their
    mirror images, see `keras_attn.layers.TenCrop`. The model runs on as many
    crops each time, so that it is compiled once; it stays as it is.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014 (https://arxiv.org/abs/1311.2901), section 3, where
    the crops are of 224 x 224 pixels out of 256 x 256.

    Args:
        model: A Keras model of one batch of images, with one output or a nest
            of them.
        images: NumPy array `(n, height, width, channels)`, or
            `(n, channels, height, width)` if channels first, as the first
            layer of the model that has a `data_format` says, or else the Keras
            setting. In the range that the model takes.
        size: Positive integer or a pair, height and width of a crop in pixels.
            Defaults to those of the model's input.
        batch_size: Positive integer, how many crops the model is run on at
            once at most; the ten of one image are not divided. Defaults to
            32.
        verbose: 0 for nothing, 1 for a progress bar of images, 2 for a line.
            Defaults to 0.

    Returns:
        A float32 array `(n, ...)`, or a nest of them as the model's outputs.

    Raises:
        ValueError: If `images` are not at least one, with four axes and of the
            crop's size or larger, if the model has several inputs, if `size`
            is not given and the model's is unknown, or if an argument is none
            of these.

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
            "`images` must be at least one image, in an array with four axes. "
            f"Received: shape {images.shape}"
        )
    inputs = keras.tree.flatten(getattr(model, "inputs", None) or [])
    if len(inputs) > 1:
        raise ValueError(
            "`model` must have one input, the images. Received: inputs "
            f"{[tensor.name for tensor in inputs]}"
        )
    data_format = _data_format(model) or keras.config.image_data_format()
    if size is None:
        size = _input_size(inputs, data_format)
    # In float32, since the policy is the model's to apply.
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
    """Returns that of the first layer which has one, or `None`."""
    for layer in model.layers:
        own = getattr(layer, "data_format", None)
        if own is None and isinstance(layer, keras.Model):
            own = _data_format(layer)
        if own in ("channels_first", "channels_last"):
            return own
    return None


def _input_size(inputs: list[Any], data_format: str) -> tuple[Any, ...]:
    """Returns height and width that a model declares."""
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
    """Yields indices, as many each time, and how many of them count.

    The last ones are filled up with the first index, as another number would
    be compiled for once more.
    """
    side = -(-count // -(-count // most))
    for start in range(0, count, side):
        indices = np.arange(start, min(start + side, count))
        yield np.pad(indices, (0, side - len(indices))), len(indices)


def _average(outputs: Any) -> np.ndarray:
    """Returns the mean of each ten rows; bfloat16 is no number of NumPy's."""
    outputs = np.asarray(outputs).astype("float32")
    outputs = outputs.reshape(-1, 10, *outputs.shape[1:])
    return outputs.mean(axis=1)
