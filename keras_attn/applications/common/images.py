"""Data formats and normalisation of images."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_attn import checks


def channel_axis(data_format: str | None = None) -> int:
    """Returns the channel axis of a batch, for the Keras setting by default."""
    data_format = data_format or keras.config.image_data_format()
    formats = ("channels_last", "channels_first")
    checks.one_of("data_format", data_format, formats)
    return 1 if data_format == "channels_first" else 3


def size_of(images: Any) -> tuple[Any, Any]:
    """Returns the height and width of a batch, which may be `None`."""
    first = channel_axis() == 1
    return tuple(images.shape[2:] if first else images.shape[1:3])


def normalized(
    x: Any,
    data_format: str | None,
    scale: float,
    mean: float | Sequence[float] | np.ndarray = 0.0,
    std: float | Sequence[float] | np.ndarray = 1.0,
) -> Any:
    """Returns `(x / scale - mean) / std`, in float32.

    Args:
        x: NumPy array or tensor, one image or a batch of images.
        data_format: `"channels_last"`, `"channels_first"` or `None`.
        scale: Number.
        mean: One number for all channels, or three for RGB images.
        std: One number for all channels, or three for RGB images.
    """
    axis = channel_axis(data_format) - 4
    is_rgb = np.ndim(mean) == 1
    shape = tuple(x.shape)
    if len(shape) not in (3, 4) or (is_rgb and shape[axis] != 3):
        channels = f", with three channels at axis {axis}" if is_rgb else ""
        raise ValueError(
            "`x` must be an image with three axes, or a batch of images with "
            f"four axes{channels}. Received: x.shape={shape}"
        )
    shape = (-1, 1, 1) if axis == -3 else (-1,)
    mean, std = (
        np.asarray(each, "float32").reshape(shape) for each in (mean, std)
    )
    if isinstance(x, np.ndarray):
        return (x.astype("float32") / np.float32(scale) - mean) / std
    mean, std = (keras.ops.convert_to_tensor(each) for each in (mean, std))
    return (keras.ops.cast(x, "float32") / scale - mean) / std
