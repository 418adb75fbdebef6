"""The parts that networks of the DeepLab family are built of."""

import keras

from keras_attn.layers import BilinearResizing
from keras_attn.layers.conv2d import Conv2D
from keras_attn.layers.initializers import FanOutNormal, Normal
from keras_attn.layers.max_pooling2d import MaxPooling2D

# Channels and number of the convolutions of VGG16's stages.
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
SIZES = ("feature", "input")
FORMS = ("paper", "reference")


def check_choice(name, value, allowed):
    """Checks an argument that is one of some words."""
    if value not in allowed:
        raise ValueError(
            f"`{name}` must be one of {allowed}. Received: {name}={value!r}"
        )


def scale_names(scales):
    """Returns what the outputs of the scales are called, and checks them."""
    is_list = isinstance(scales, (list, tuple)) and len(scales) > 1
    if (
        not is_list
        or not all(isinstance(s, (int, float)) and 0 < s <= 1 for s in scales)
        or list(scales) != sorted(set(scales), reverse=True)
    ):
        raise ValueError(
            "`scales` must be two or more numbers in (0, 1], from the largest "
            f"to the smallest. Received: scales={scales!r}"
        )
    # Without the dot, which PyTorch has a use of its own for.
    return [f"scale_{scale:g}".replace(".", "_") for scale in scales]


def backbone(filters, dropout, average_pooling, form):
    """Returns the layers from the image to `fc7`, in order."""
    layers = []
    for stage, (channels, count) in enumerate(STAGES, start=1):
        for i in range(1, count + 1):
            rate = 2 if stage == 5 else 1
            name = f"stage{stage}_conv{i}"
            layers.append(_convolution(channels, 3, rate, name))
        strides = 2 if stage < 4 else 1
        pooling = MaxPooling2D(3, strides, padding=1, name=f"stage{stage}")
        layers.append(pooling)
    if average_pooling:
        # Not padding="same", which would leave the zeros out of the average.
        layers += [
            keras.layers.ZeroPadding2D(1, name="average_padding"),
            keras.layers.AveragePooling2D(3, 1, name="average_pool"),
        ]
    last = "relu" if form == "paper" else None
    return [
        *layers,
        _convolution(filters, 3, 12, "fc6"),
        keras.layers.Dropout(dropout, name="fc6_dropout"),
        _convolution(filters, 1, 1, "fc7", last),
        keras.layers.Dropout(dropout, name="fc7_dropout"),
    ]


def run(layers, x):
    """Applies layers one after the other."""
    for layer in layers:
        x = layer(x)
    return x


def run_scale(layers, image, scale, name, form):
    """Applies shared layers to the image at a scale."""
    x = resized(image, scale, name, form)
    for layer in layers:
        x = layer(x)
        if layer.name == "stage5":
            # A shared layer has several outputs: this names the one.
            x = keras.layers.Identity(name=f"stage5_{name}")(x)
    return x


def classifier(classes, form, name="classifier"):
    """Returns the layer that scores classes."""
    is_paper = form == "paper"
    return Conv2D(
        classes,
        1 if is_paper else 3,
        padding="same",
        activation=None if is_paper else "relu",
        kernel_initializer=Normal(0.01),
        name=name,
    )


def scores(features, names, classes, form):
    """Returns the score maps of the scales.

    By one classifier, before any resizing: with 1x1 weights that is the same
    as after it, of fewer pixels.
    """
    if form == "paper":
        shared = classifier(classes, form)
        return [shared(x) for x in features]
    return [
        classifier(classes, form, f"classifier_{name}")(x)
        for name, x in zip(names, features, strict=True)
    ]


def resized(image, scale, name, form):
    """Returns the image at a scale."""
    if scale == 1:
        return image
    name = f"image_{name}"
    if form == "paper":
        return BilinearResizing(scale_factor=scale, name=name)(image)
    first = keras.config.image_data_format() == "channels_first"
    sides = image.shape[2:] if first else image.shape[1:3]
    if None in sides:
        raise ValueError(
            "`form='reference'` needs a known height and width; with "
            "`form='paper'` they may be None. "
            f"Received: input_shape={tuple(image.shape[1:])}"
        )
    return BilinearResizing(*(int(n * scale) for n in sides), name=name)(image)


def activate(x, activation, name):
    """Applies the activation at the end, over the classes."""
    if activation == "softmax":
        axis = 1 if keras.config.image_data_format() == "channels_first" else -1
        return keras.layers.Softmax(axis, dtype="float32", name=name)(x)
    # float32, so that probabilities sum to 1 in mixed precision.
    return keras.layers.Activation(activation, dtype="float32", name=name)(x)


def _convolution(filters, size, rate, name, activation="relu"):
    return Conv2D(
        filters,
        size,
        padding="same",
        dilation_rate=rate,
        activation=activation,
        kernel_initializer=FanOutNormal(),
        name=name,
    )
