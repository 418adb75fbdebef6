"""Input ranges of models, and the scaling of pixels to them."""

import keras
import numpy as np

from applications.common.saved import layers_of
from keras_attn.applications import resnet
from keras_attn.layers import MeanImage

# Red, green and blue in [0, 1].
IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])
# Means of blue, green and red of the original VGG.
CAFFE_MEAN = np.array([103.939, 116.779, 123.68], "float32")

# Layers that do not change the range of pixels.
PASSED = (
    keras.layers.InputLayer,
    keras.Model,
    keras.layers.Resizing,
    keras.layers.CenterCrop,
    keras.layers.RandomCrop,
    keras.layers.RandomFlip,
    keras.layers.RandomRotation,
    keras.layers.RandomTranslation,
    keras.layers.RandomZoom,
)


def scaled(images: np.ndarray, input_range: str) -> np.ndarray:
    """Scales channels-last uint8 images to a range, float32.

    Args:
        images: Images `(n, height, width, channels)`.
        input_range: One of `classifier_options.INPUT_RANGES`.
    """
    if input_range == "imagenet":
        return resnet.preprocess_input(images, "channels_last")
    images = images.astype("float32")
    if input_range == "caffe":
        return images[..., ::-1] - CAFFE_MEAN
    low, high = map(int, input_range.split(","))
    return images / np.float32(255 / (high - low)) + low


def known_range(model: keras.Model) -> str | None:
    """Returns the input range of a model, if its first layer shows it.

    A `Rescaling` by about 1 / 255 is made for pixels in [0, 255]. So are a
    `Normalization` and a `MeanImage` with means above 1. For other layers the
    range is unknown.
    """
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.Rescaling):
            scale = np.max(np.abs(np.asarray(layer.scale, "float64")))
            # From [0, 255] to [0, 1], to [-1, 1], or to unit deviation.
            return "0,255" if 0.003 < scale < 0.03 else None
        kinds = keras.layers.Normalization, MeanImage
        if isinstance(layer, kinds):
            mean = getattr(layer, "mean_image", layer.mean)
            mean = keras.ops.convert_to_numpy(mean)
            is_forward = not getattr(layer, "invert", False)
            return "0,255" if is_forward and mean.max() > 1.5 else None
        if not isinstance(layer, PASSED):
            return None
    return None
