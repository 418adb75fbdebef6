"""Pieces that models share, from a tensor to a tensor."""

import keras

from keras_attn.layers.batch_normalization import BatchNormalization
from keras_attn.layers.conv2d import Conv2D
from keras_attn.layers.initializers import fan_in_uniform


def channels_of(x):
    """Returns the static channel count of an image tensor."""
    first = keras.config.image_data_format() == "channels_first"
    return x.shape[1 if first else -1]


def convolution(x, filters, kernel_size, name, **kwargs):
    """Convolves, with PyTorch's initial weights, which the models assume."""
    fan_in = kernel_size**2 * channels_of(x)
    return Conv2D(
        filters,
        kernel_size,
        kernel_initializer=fan_in_uniform(fan_in),
        bias_initializer=fan_in_uniform(fan_in),
        name=name,
        **kwargs,
    )(x)


def dense(x, units, name):
    """Applies a linear layer, with PyTorch's initial weights."""
    return keras.layers.Dense(
        units,
        kernel_initializer=fan_in_uniform(x.shape[-1]),
        bias_initializer=fan_in_uniform(x.shape[-1]),
        name=name,
    )(x)


def batch_norm(x, name):
    """Normalises over the batch, with PyTorch's momentum and epsilon."""
    first = keras.config.image_data_format() == "channels_first"
    axis = 1 if first else -1
    return BatchNormalization(
        axis=axis, momentum=0.9, epsilon=1e-5, name=name
    )(x)


def pool_features(x, pooling):
    """Pools a feature map to a vector; `None` leaves it a map."""
    if pooling == "avg":
        return keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if pooling == "max":
        return keras.layers.GlobalMaxPooling2D(name="max_pool")(x)
    return x
