"""Preprocessing and class names of DeepLab."""

from typing import Any

import keras
import numpy as np

from keras_attn import checks
from keras_attn.applications.common import imagenet
from keras_attn.applications.common.images import channel_axis, normalized

# The means of Caffe's VGG16 for red, green and blue in [0, 255].
_MEAN = (123.68, 116.779, 103.939)
# The order of the labels 0 to 20 in PASCAL VOC.
CLASS_NAMES = tuple(
    """background aeroplane bicycle bird boat bottle bus car cat chair cow
    diningtable dog horse motorbike person pottedplant sheep sofa train
    tvmonitor""".split()
)


def preprocess_input(
    x: Any, data_format: str | None = None, mode: str = "caffe"
) -> Any:
    """Preprocesses images in [0, 255] for the weights of a VGG16.

    The mode `"caffe"` returns blue, green and red in this order, minus
    ImageNet's means (103.939, 116.779, 123.68). VGG16 and DeepLab were trained
    with it. The mode `"torch"` returns `(x / 255 - mean) / std` for red, green
    and blue, for torchvision's VGG16.

    Args:
        x: NumPy array or tensor: an RGB image or a batch, in [0, 255].
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        mode: `"caffe"` or `"torch"`. Defaults to `"caffe"`.

    Returns:
        The preprocessed images; a new float32 array for NumPy input.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> x = np.full((1, 2, 2, 3), 255, "uint8")
    >>> y = keras_attn.applications.deeplab.preprocess_input(x, "channels_last")
    >>> y[0, 0, 0].round(3).tolist()
    [151.06100463867188, 138.2209930419922, 131.32000732421875]
    """
    checks.one_of("mode", mode, ("caffe", "torch"))
    if mode == "torch":
        return imagenet.preprocess_input(x, data_format)
    y = normalized(x, data_format, 1.0, _MEAN, np.ones(3))
    library = np if isinstance(y, np.ndarray) else keras.ops
    return library.take(y, (2, 1, 0), axis=channel_axis(data_format) - 4)
