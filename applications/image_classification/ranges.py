"""What models want pixels of 0 to 255 to be."""

import numpy as np

from keras_attn.applications import resnet

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
