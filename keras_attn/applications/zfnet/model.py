"""ZF-Net: the network that DeconvNet was designed to visualise."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_attn import checks
from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.common.imagenet import MEAN
from keras_attn.applications.common.images import normalized, size_of
from keras_attn.layers import LocalResponseNormalization
from keras_attn.layers.parts.conv2d import Conv2D
from keras_attn.layers.parts.initializers import Normal
from keras_attn.layers.parts.max_pooling2d import MaxPooling2D

FILTERS = (96, 256, 384, 384, 256)
# Kernel, stride and padding of the first two convolutions, and the minimum
# height and width, by `small_images`.
_STEMS = {
    False: (((7, 2, 1), (5, 2, 0)), 53),
    True: (((5, 1, 2), (5, 1, 2)), 9),
}
_NORMALIZATIONS = ("paper", "reference")


def ZFNet(
    include_top: bool = True,
    weights: arguments.Weights = None,
    input_tensor: Any = None,
    input_shape: arguments.InputShape = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: arguments.Activation = "softmax",
    name: str = "zfnet",
    *,
    small_images: bool = False,
    filters: Sequence[int] = FILTERS,
    units: int = 4096,
    dropout: float = 0.5,
    normalization: str | Mapping[str, Any] = "paper",
    kernel_constraint: Any = None,
    seed: int | None = None,
) -> keras.Model:
    """ZF-Net of Zeiler and Fergus, winner of the 2013 ImageNet challenge.

    The network has five convolutions with ReLU. A 3 x 3 max pooling with
    stride 2 follows the first, second and fifth convolution. A normalisation
    across channels follows the first two poolings. Two linear layers of 4096
    units with dropout and the classifier come last. The width of the maps is
    224 -> 110 -> 55 -> 26 -> 13 -> 6 pixels.

    The last layers of the stages are named `stage1` to `stage5`, and the
    linear layers `fc6` and `fc7`. With default arguments, the model has
    62,357,608 parameters. There are no pretrained weights.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014 (https://arxiv.org/abs/1311.2901), figure 3. The paper
    has "all weights initialized to 1e-2". A known PyTorch implementation takes
    this literally, which keeps all filters of a layer identical. Here weights
    are drawn from a normal distribution with standard deviation 0.01, as in
    the network on which the paper builds, and biases are 0. The padding
    follows the known implementation, since the paper states only sizes. The
    constants of the normalisation are Krizhevsky's, since the paper states
    none.

    Args:
        include_top: Whether to include the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file in Keras'
            format (`.weights.h5`, `.h5`, `.keras`) or of a checkpoint of the
            known PyTorch implementation (`.safetensors`, `.pt`, `.pth`,
            `.pth.tar`, `.ckpt`, `.bin`, `.npz`).
        input_tensor: Keras tensor to use as input, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`, with at least 53 pixels on
            each side, or 9 with `small_images`. Height and width may be
            `None` without the top. Defaults to `(224, 224, 3)`, or to
            `(28, 28, 1)` with `small_images`. Values are expected in about
            [-128, 128], see `preprocess_input`.
        pooling: Without the top, `None` for the last feature map, or `"avg"`
            or `"max"` for a vector.
        classes: Number of classes. Defaults to `1000`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"zfnet"`.
        small_images: Whether the first two convolutions are 5 x 5 with stride
            1 and keep the size, for images of about 30 pixels: 28 -> 14 -> 7
            -> 3. This is not in the paper. Defaults to `False`.
        filters: Five positive integers, the channels of the convolutions.
            Defaults to `(96, 256, 384, 384, 256)`.
        units: Positive integer, the units of each linear layer. Defaults to
            `4096`.
        dropout: Dropout rate after each linear layer. Defaults to `0.5`.
        normalization: `"paper"` for the defaults of
            `keras_attn.layers.LocalResponseNormalization`, `"reference"` for
            the known implementation (PyTorch's defaults, over all channels),
            or a mapping of that layer's arguments. Defaults to `"paper"`.
        kernel_constraint: Constraint of the convolution kernels, such as
            `FilterRMSConstraint(0.1)` as in the paper. Defaults to `None`.
        seed: Non-negative integer that seeds the dropout, or `None` to follow
            `keras.utils.set_random_seed`. Defaults to `None`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, classes)`, or features.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> model = keras_attn.applications.ZFNet(include_top=False)
    >>> model.count_params(), tuple(model.output.shape)
    (3726464, (None, 6, 6, 256))
    >>> narrow = keras_attn.applications.ZFNet(
    ...     classes=10,
    ...     small_images=True,
    ...     filters=(32, 64, 96, 96, 64),
    ...     units=256,
    ... )
    >>> tuple(narrow.predict(np.zeros((2, 28, 28, 1)), verbose=0).shape)
    (2, 10)
    """
    top = arguments.Top(include_top, pooling, classes, classifier_activation)
    arguments.check_weights(weights)
    filters = _check_filters(filters)
    units = checks.positive("units", units)
    dropout = checks.share("dropout", dropout)
    _check_normalization(normalization)
    seed = checks.integer("seed", seed, 0, optional=True)
    stem, least = _STEMS[bool(small_images)]
    default = (28, 28, 1) if small_images else (224, 224, 3)
    input_tensor = arguments.image_input(input_tensor, input_shape, default)
    _check_size(input_tensor, include_top, least)

    def convolve(
        x: Any, stage: int, kernel: int, stride: int, padding: int, name: str
    ) -> Any:
        return Conv2D(
            filters[stage - 1],
            kernel,
            stride,
            padding,
            activation="relu",
            kernel_initializer=Normal(0.01),
            kernel_constraint=kernel_constraint,
            name=name,
        )(x)

    x = input_tensor
    for stage, convolution in enumerate(stem, start=1):
        x = convolve(x, stage, *convolution, f"stage{stage}_conv")
        x = MaxPooling2D(3, 2, padding=1, name=f"stage{stage}_pool")(x)
        x = _normalize(x, filters[stage - 1], normalization, f"stage{stage}")
    x = convolve(x, 3, 3, 1, 1, "stage3")
    x = convolve(x, 4, 3, 1, 1, "stage4")
    x = convolve(x, 5, 3, 1, 1, "stage5_conv")
    x = MaxPooling2D(3, 2, padding=0, name="stage5")(x)
    if include_top:
        x = _top(x, top, units, dropout, seed)
    else:
        x = blocks.pool_features(x, pooling)
    return arguments.finish(input_tensor, x, name, weights)


def _normalize(
    x: Any, channels: int, normalization: str | Mapping[str, Any], name: str
) -> Any:
    if normalization == "paper":
        constants: Any = {}
    elif normalization == "reference":
        constants = {"size": channels, "k": 1.0, "convention": "torch"}
    else:
        constants = normalization
    return LocalResponseNormalization(**constants, name=name)(x)


def _top(
    x: Any, top: arguments.Top, units: int, dropout: float, seed: int | None
) -> Any:
    """Applies two linear layers with dropout, and the classifier."""
    seeds = blocks.seeds_from(seed)
    x = keras.layers.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = keras.layers.Dense(
            units,
            activation="relu",
            kernel_initializer=Normal(0.01),
            name=name,
        )(x)
        x = keras.layers.Dropout(
            dropout, seed=next(seeds), name=f"{name}_dropout"
        )(x)
    x = keras.layers.Dense(
        top.classes, kernel_initializer=Normal(0.01), name="classifier"
    )(x)
    return blocks.activate(x, top.classifier_activation)


def _check_filters(filters: Sequence[int]) -> tuple[int, ...]:
    try:
        found = tuple(checks.positive("filters", each) for each in filters)
    except (TypeError, ValueError):
        found = ()
    if len(found) != 5:
        raise ValueError(
            "`filters` must be five positive integers. "
            f"Received: filters={filters!r}"
        )
    return found


def _check_normalization(normalization: str | Mapping[str, Any]) -> None:
    if normalization not in _NORMALIZATIONS and not isinstance(
        normalization, Mapping
    ):
        raise ValueError(
            f"`normalization` must be one of {_NORMALIZATIONS}, or a mapping "
            "of the arguments of LocalResponseNormalization. "
            f"Received: normalization={normalization!r}"
        )


def _check_size(image: Any, include_top: bool, least: int) -> None:
    size = size_of(image)
    if include_top and None in size:
        raise ValueError(
            "Height and width must be known for a model with linear layers. "
            f"Received: {size}. Pass `include_top=False`, or a fixed size"
        )
    if any(side is not None and side < least for side in size):
        raise ValueError(
            f"Height and width must be at least {least}, since the network "
            f"reduces them. Received: {size}. With `small_images=True`, 9 "
            "pixels are enough"
        )


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Subtracts ImageNet's mean colour from images in [0, 255].

    `y = x - (123.675, 116.28, 103.53)` for red, green and blue, which results
    in values of about [-128, 128]. The paper subtracts a separate mean for
    each pixel, with about the same result. `keras_attn.layers.MeanImage`
    computes this mean from a dataset.

    Args:
        x: NumPy array or tensor: an RGB image or a batch, in [0, 255].
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.

    Returns:
        The centred images; a new float32 array for NumPy input.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> x = np.full((1, 2, 2, 3), 128, "uint8")
    >>> y = keras_attn.applications.zfnet.preprocess_input(x)
    >>> [round(float(value), 1) for value in y[0, 0, 0]]
    [4.3, 11.7, 24.5]
    """
    return normalized(x, data_format, 1.0, 255 * np.array(MEAN), np.ones(3))
