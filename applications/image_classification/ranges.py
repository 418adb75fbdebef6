"""What models want pixels of 0 to 255 to be."""

import numpy as np

from keras_attn.applications import resnet

# Of red, green and blue in [0, 1].
IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])
# Means of blue, green and red, by which the first VGG was trained.
CAFFE_MEAN = np.array([103.939, 116.779, 123.68], "float32")


def scaled(images: np.ndarray, input_range: str) -> np.ndarray:
    """Brings uint8 images, channels last, to a range as float32.

    Args:
        images: `(n, height, width, channels)`.
        input_range: One of `options.INPUT_RANGES`.
    """
    if input_range == "imagenet":
        return resnet.preprocess_input(images, "channels_last")
    images = images.astype("float32")
    if input_range == "caffe":
        return images[..., ::-1] - CAFFE_MEAN
    low, high = map(int, input_range.split(","))
    return images / np.float32(255 / (high - low)) + low
