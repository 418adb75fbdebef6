"""Building blocks of the DeepLab family."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_attn import checks
from keras_attn.applications.common import blocks
from keras_attn.applications.common.images import channel_axis, size_of
from keras_attn.layers import BilinearResizing
from keras_attn.layers.parts.conv2d import Conv2D
from keras_attn.layers.parts.initializers import FanOutNormal, Normal
from keras_attn.layers.parts.max_pooling2d import MaxPooling2D

Layers = list[keras.layers.Layer]
# Channels and number of convolutions in each stage of VGG16.
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
STAGE_NAMES = tuple(f"stage{i}" for i in range(1, 6))
# Sources of skip connections to `fc7`, and their strides to its resolution.
SKIPS = {"image": 8, "stage1": 4, "stage2": 2, "stage3": 1, "stage4": 1}
SKIP_FILTERS = 128
SIZES = ("feature", "input")


def scale_names(scales: Sequence[float]) -> list[str]:
    """Checks the scales, and returns the names of their outputs."""
    try:
        values = [
            checks.number("scales", scale, above=0, most=1) for scale in scales
        ]
    except (TypeError, ValueError):
        values = []
    if len(values) < 2 or values != sorted(set(values), reverse=True):
        raise ValueError(
            "`scales` must be two or more numbers in (0, 1], from the largest "
            f"to the smallest. Received: scales={scales!r}"
        )
    # Without the dot, which has a special meaning in PyTorch names.
    return [f"scale_{scale:g}".replace(".", "_") for scale in values]


class Backbone:
    """The layers from an image to the features, which all scales share.

    Args:
        filters: Number of channels of `fc6` and `fc7`.
        dropout: Dropout rate after `fc6` and `fc7`.
        average_pooling: Whether an average pooling follows `stage5`.
        skips: Sources of skip connections, a subset of `SKIPS`.
        form: `"paper"` or `"reference"`.
        seed: Integer, or `None`.
    """

    def __init__(
        self,
        filters: int,
        dropout: float,
        average_pooling: bool,
        skips: Sequence[str],
        form: str,
        seed: int | None,
    ):
        filters = checks.positive("filters", filters)
        dropout = checks.share("dropout", dropout)
        _check_skips(skips)
        checks.one_of("form", form, ("paper", "reference"))
        seed = checks.integer("seed", seed, 0, optional=True)
        # The attention uses the seed itself.
        seeds = blocks.seeds_from(None if seed is None else seed + 1)

        def drop(name: str) -> keras.layers.Layer:
            return keras.layers.Dropout(dropout, seed=next(seeds), name=name)

        self.stages = [
            _stage(number, *stage) for number, stage in enumerate(STAGES, 1)
        ]
        self.top = [
            *(_average_pooling() if average_pooling else ()),
            _convolution(filters, 3, "fc6", rate=12),
            drop("fc6_dropout"),
            _convolution(
                filters,
                1,
                "fc7",
                activation="relu" if form == "paper" else None,
            ),
            drop("fc7_dropout"),
        ]
        self.skips = {source: _skip(source, drop) for source in skips}
        self.join = keras.layers.Concatenate(channel_axis(), name="features")

    def __call__(self, image: Any, scale: str | None = None) -> Any:
        """Returns the features of an image.

        Shared layers have one output per scale. If `scale`, the name of a
        scale, is given, the ends of its stages are named `stage1_<scale>` and
        so on.
        """
        joined = []
        for source, layers in zip(
            ("image", *STAGE_NAMES), ([], *self.stages), strict=True
        ):
            image = run(layers, image)
            if scale is not None and source != "image":
                name = f"{source}_{scale}"
                image = keras.layers.Identity(name=name)(image)
            if source in self.skips:
                joined.append(run(self.skips[source], image))
        features = run(self.top, image)
        return self.join([features, *joined]) if joined else features


def run(layers: Layers, x: Any) -> Any:
    """Applies layers one after the other."""
    for layer in layers:
        x = layer(x)
    return x


def _check_skips(skips: Sequence[str]) -> None:
    """Checks the sources of skip connections."""
    if (
        not isinstance(skips, (list, tuple))
        or len(set(skips)) < len(skips)
        or not set(skips) <= set(SKIPS)
    ):
        raise ValueError(
            f"`skips` must be some of {tuple(SKIPS)}, each at most once. "
            f"Received: skips={skips!r}"
        )


def classifier(classes: int, form: str, name: str = "classifier") -> Conv2D:
    """Returns the layer that computes class scores."""
    is_paper = form == "paper"
    return Conv2D(
        classes,
        1 if is_paper else 3,
        padding="same",
        activation=None if is_paper else "relu",
        kernel_initializer=Normal(0.01),
        name=name,
    )


def scores(
    features: list[Any], names: list[str], classes: int, form: str
) -> list[Any]:
    """Returns the score maps of the scales.

    In the paper's form, one classifier is applied before any resizing. A 1x1
    convolution gives the same result after resizing, but for more pixels.
    """
    if form == "paper":
        shared = classifier(classes, form)
        return [shared(x) for x in features]
    return [
        classifier(classes, form, f"classifier_{name}")(x)
        for name, x in zip(names, features, strict=True)
    ]


def resized(image: Any, scale: float, name: str, form: str) -> Any:
    """Returns the image at a scale."""
    if scale == 1:
        return image
    name = f"image_{name}"
    if form == "paper":
        return BilinearResizing(scale_factor=scale, name=name)(image)
    sides = size_of(image)
    if None in sides:
        raise ValueError(
            "Height and width must be known for `form='reference'`. "
            f"Received: input_shape={tuple(image.shape[1:])}. With "
            "`form='paper'` they may be None"
        )
    return BilinearResizing(*(int(n * scale) for n in sides), name=name)(image)


def _stage(number: int, filters: int, count: int) -> Layers:
    """Returns the convolutions of a stage, and its pooling."""
    rate = 2 if number == 5 else 1
    convolutions = [
        _convolution(filters, 3, f"stage{number}_conv{i}", rate=rate)
        for i in range(1, count + 1)
    ]
    strides = 2 if number < 4 else 1
    name = STAGE_NAMES[number - 1]
    return [*convolutions, MaxPooling2D(3, strides, padding=1, name=name)]


def _average_pooling() -> Layers:
    # Unlike padding="same", this counts the zeros in the average.
    return [
        keras.layers.ZeroPadding2D(1, name="average_padding"),
        keras.layers.AveragePooling2D(3, 1, name="average_pool"),
    ]


def _skip(source: str, drop: Callable[[str], keras.layers.Layer]) -> Layers:
    """Returns the two layers of a skip connection, and their dropout."""
    filters, strides = SKIP_FILTERS, SKIPS[source]
    return [
        _convolution(filters, 3, f"skip_{source}_conv1", strides=strides),
        drop(f"skip_{source}_dropout1"),
        _convolution(filters, 1, f"skip_{source}_conv2"),
        drop(f"skip_{source}_dropout2"),
    ]


def _convolution(
    filters: int,
    size: int,
    name: str,
    *,
    rate: int = 1,
    strides: int = 1,
    activation: str | None = "relu",
) -> Conv2D:
    return Conv2D(
        filters,
        size,
        strides,
        padding=rate * (size // 2),
        dilation_rate=rate,
        activation=activation,
        kernel_initializer=FanOutNormal(),
        name=name,
    )
