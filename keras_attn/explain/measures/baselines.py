"""Baselines that replace removed pixels."""

from typing import Any

import keras
import numpy as np

from keras_attn.explain.running.inputs import Inputs

# The Gaussian of the authors' code, 11 pixels wide.
_SIGMA, _REACH = 5.0, 5


def baselines(baseline: Any, inputs: Inputs) -> np.ndarray:
    """Returns the baseline of each image, in the images' shape."""
    images = inputs.images
    if isinstance(baseline, str) and baseline == "blur":
        last = inputs.width_axis()
        # One by one, to save memory.
        parts = [_blurred(images[i : i + 1], last) for i in range(len(images))]
        return np.concatenate(parts)
    if keras.ops.is_tensor(baseline):
        baseline = keras.ops.convert_to_numpy(baseline)
    try:
        numbers = np.asarray(baseline, "float32")
        if np.isfinite(numbers).all():
            return np.broadcast_to(numbers, images.shape)
    except (TypeError, ValueError):
        pass
    shape = getattr(baseline, "shape", ())
    shown = f"an array of {shape}" if shape else f"baseline={baseline!r}"
    raise ValueError(
        "`baseline` must be a finite number, 'blur', or an array that "
        f"broadcasts to the images of shape {images.shape}. Received: {shown}"
    )


def _blurred(images: np.ndarray, last: int) -> np.ndarray:
    places = np.arange(-_REACH, _REACH + 1)
    kernel = np.exp(-0.5 * (places / _SIGMA) ** 2).astype("float32")
    kernel /= kernel.sum()
    for axis in (last - 1, last):
        images = np.moveaxis(images, axis, -1)
        margin = [(0, 0), (0, 0), (0, 0), (_REACH, _REACH)]
        padded, side = np.pad(images, margin, mode="edge"), images.shape[-1]
        parts = (
            weight * padded[..., i : i + side]
            for i, weight in enumerate(kernel)
        )
        images = sum(parts, np.zeros_like(images))
        images = np.moveaxis(images, -1, axis)
    return images
