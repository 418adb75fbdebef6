"""The graph of all ResNets, made of stages of residual blocks."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from keras_attn import checks
from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.common.images import channel_axis
from keras_attn.applications.resnet.slots import Slots
from keras_attn.layers.covariance_pooling import CovariancePooling
from keras_attn.layers.parts.conv2d_norm_activation import Conv2DNormActivation
from keras_attn.layers.parts.initializers import FanOutNormal
from keras_attn.layers.parts.max_pooling2d import MaxPooling2D
from keras_attn.layers.parts.residual_add import ResidualAdd


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The architecture of a ResNet.

    Attributes:
        side: Default height and width of an image.
        kernel_size: Kernel size of the first convolution. If it is 7, a
            pooling follows.
        filters: Filters of the 3x3 convolutions in each stage.
        blocks: Number of blocks in each stage.
        bottleneck: Whether blocks have 1x1, 3x3 and 1x1 convolutions.
        head: `"average"` or `"covariance"`.
    """

    side: int
    kernel_size: int
    filters: Sequence[int]
    blocks: Sequence[int]
    bottleneck: bool
    head: str

    def __post_init__(self) -> None:
        checks.one_of("head", self.head, ("average", "covariance"))


def build(
    input_tensor: Any,
    input_shape: arguments.InputShape,
    architecture: Architecture,
    slots: Slots,
    top: arguments.Top,
    name: str,
    weights: arguments.Weights,
) -> keras.Model:
    """Builds the model from checked arguments."""
    arguments.check_weights(weights)
    side, size = architecture.side, architecture.kernel_size
    input_tensor = arguments.image_input(
        input_tensor, input_shape, (side, side, 3)
    )
    x = slots.before_convolution(input_tensor, 1, "stem")
    filters = architecture.filters
    if size == 7:
        x = _convolution(x, filters[0], size, 2, "stem_conv")
        x = MaxPooling2D(3, 2, padding=1, name="stem")(x)
    else:
        x = _convolution(x, filters[0], size, 1, "stem")
    for stage, (units, count) in enumerate(
        zip(filters, architecture.blocks, strict=True), start=1
    ):
        x = _stage(x, units, count, stage, architecture.bottleneck, slots)
    if top.include_top:
        x = _top(x, architecture.head, top)
    else:
        x = blocks.pool_features(x, top.pooling)
    return arguments.finish(input_tensor, x, name, weights)


def _convolution(
    x: Any,
    filters: int,
    size: int,
    strides: int,
    name: str,
    activation: str | None = "relu",
) -> Any:
    """Applies a convolution without bias, batch norm and an activation."""
    return Conv2DNormActivation(
        filters,
        size,
        strides,
        padding=size // 2,
        activation=activation,
        use_bias=False,
        kernel_initializer=FanOutNormal(),
        name=name,
    )(x)


def _stage(
    x: Any, filters: int, count: int, stage: int, bottleneck: bool, slots: Slots
) -> Any:
    """Applies the blocks of a stage, halving the size except in stage 1."""
    slots.start_stage(stage)
    for i in range(1, count + 1):
        name = f"stage{stage}_block{i}"
        strides = 2 if i == 1 and stage > 1 else 1
        outputs = 4 * filters if bottleneck else filters
        branch = [(1, 1, filters), (3, strides, filters), (1, 1, outputs)]
        if not bottleneck:
            branch = [(3, strides, filters), (3, 1, outputs)]
        y = x
        for j, (size, step, units) in enumerate(branch, start=1):
            y = slots.before_convolution(y, stage, f"{name}_conv{j}")
            if size == 3 and j < len(branch):
                attended = slots.replace(y, stage, name, units, step)
                if attended is not None:
                    y = attended
                    continue
            activation = "relu" if j < len(branch) else None
            y = _convolution(
                y, units, size, step, f"{name}_conv{j}", activation
            )
        y = slots.end_branch(y, stage, name, last=i == count)
        if strides > 1 or x.shape[channel_axis()] != outputs:
            x = slots.before_convolution(x, stage, f"{name}_shortcut")
            x = _convolution(x, outputs, 1, strides, f"{name}_shortcut", None)
        end = f"stage{stage}" if i == count else name
        x = ResidualAdd(name=end)([x, y])
    return x


def _top(x: Any, head: str, top: arguments.Top) -> Any:
    """Applies the pooling and the classifier."""
    if head == "covariance":
        x = _convolution(x, 256, 1, 1, "head_conv")
        x = CovariancePooling(name="head")(x)
    else:
        x = blocks.pool_features(x, "avg")
    x = blocks.dense(x, top.classes, "classifier")
    return blocks.activate(x, top.classifier_activation)
