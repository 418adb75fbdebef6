"""The graph of all ResNets, made of stages of residual blocks."""

from typing import Any

import keras

from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.common.images import channel_axis
from keras_attn.applications.resnet.architecture import Architecture, Kernel
from keras_attn.applications.resnet.slots import Slots
from keras_attn.layers.covariance_pooling import CovariancePooling
from keras_attn.layers.parts.blur_pooling2d import BlurPooling2D
from keras_attn.layers.parts.conv2d_norm_activation import Conv2DNormActivation
from keras_attn.layers.parts.initializers import FanOutNormal
from keras_attn.layers.parts.max_pooling2d import MaxPooling2D
from keras_attn.layers.parts.residual_add import ResidualAdd


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
    side = architecture.side
    input_tensor = arguments.image_input(
        input_tensor, input_shape, (side, side, 3)
    )
    x = _stem(input_tensor, architecture, slots)
    for stage in range(1, len(architecture.blocks) + 1):
        x = _stage(x, stage, architecture, slots)
    if top.include_top:
        x = _top(x, architecture, top)
    else:
        x = blocks.pool_features(x, top.pooling)
    return arguments.finish(input_tensor, x, name, weights)


def _convolution(
    x: Any,
    kernel: Kernel,
    name: str,
    architecture: Architecture,
    activated: bool = True,
) -> Any:
    """Applies a convolution without bias, a normalisation and an activation."""
    return Conv2DNormActivation(
        kernel.filters,
        kernel.size,
        kernel.strides,
        padding=kernel.size // 2,
        activation=architecture.activation if activated else None,
        use_bias=False,
        kernel_initializer=FanOutNormal(),
        groups=kernel.groups,
        normalization=architecture.normalization,
        name=name,
    )(x)


def _stem(x: Any, architecture: Architecture, slots: Slots) -> Any:
    """Applies the first convolutions and the pooling.

    The last layer is called `stem`, whatever it is.
    """
    kernels = architecture.stem_convolutions()
    pooling = architecture.stem_pooling
    if pooling == "convolution":
        kernels.append(Kernel(3, 2, kernels[-1].filters))
    plain = architecture.stem == "plain"
    for i, kernel in enumerate(kernels, start=1):
        name = "stem_conv" if plain and i == 1 else f"stem_conv{i}"
        x = slots.before_convolution(x, 1, "stem" if i == 1 else name)
        if pooling in (None, "convolution") and i == len(kernels):
            name = "stem"
        x = _convolution(x, kernel, name, architecture)
    if pooling in (None, "convolution"):
        return x
    if pooling == "caffe":
        # Zeros, because the ReLU before them leaves no negative numbers.
        x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name="stem_padding")(x)
        return MaxPooling2D(3, 2, name="stem")(x)
    if architecture.downsampling == "average":
        return keras.layers.AveragePooling2D(2, name="stem")(x)
    if architecture.downsampling == "blur":
        x = MaxPooling2D(3, 1, padding=1, name="stem_pool")(x)
        return BlurPooling2D(name="stem")(x)
    return MaxPooling2D(3, 2, padding=1, name="stem")(x)


def _stage(x: Any, stage: int, architecture: Architecture, slots: Slots) -> Any:
    """Applies the residual blocks of a stage."""
    slots.start_stage(stage)
    count = architecture.blocks[stage - 1]
    for i in range(1, count + 1):
        name = f"stage{stage}_block{i}"
        strides = architecture.stride_of(stage) if i == 1 else 1
        y = _branch(x, stage, name, strides, architecture, slots)
        y = slots.end_branch(y, stage, name, last=i == count)
        x = _shortcut(x, stage, name, strides, architecture, slots)
        end = f"stage{stage}" if i == count else name
        x = ResidualAdd(architecture.activation, name=end)([x, y])
    return x


def _branch(
    x: Any,
    stage: int,
    name: str,
    strides: int,
    architecture: Architecture,
    slots: Slots,
) -> Any:
    """Applies the convolutions of a residual block."""
    kernels = architecture.branch_of(stage, strides)
    kind = architecture.downsampling
    for j, kernel in enumerate(kernels, start=1):
        last = j == len(kernels)
        pools = kernel.strides > 1 and kind != "stride"
        if pools:
            kernel = kernel._replace(strides=1)
        if pools and kind == "average_3x3_first":
            x = _downsample(x, kind, f"{name}_pool")
        x = slots.before_convolution(x, stage, f"{name}_conv{j}")
        replaced = None
        if kernel.size == 3 and not last:
            replaced = slots.replace(
                x, stage, name, kernel.filters, kernel.strides, kernel.groups
            )
        if replaced is None:
            x = _convolution(
                x, kernel, f"{name}_conv{j}", architecture, activated=not last
            )
        else:
            x = replaced
        if pools and kind != "average_3x3_first":
            x = _downsample(x, kind, f"{name}_pool")
    return x


def _downsample(x: Any, kind: str, name: str) -> Any:
    """Halves the height and width, rounded up, by a mean or a blur."""
    if kind == "blur":
        return BlurPooling2D(name=name)(x)
    if kind == "average":
        # The padding of odd sides is not part of the mean.
        pool = keras.layers.AveragePooling2D(2, padding="same", name=name)
        return pool(x)
    # Here, padding is part of the mean.
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_padding")(x)
    return keras.layers.AveragePooling2D(3, 2, name=name)(x)


def _shortcut(
    x: Any,
    stage: int,
    name: str,
    strides: int,
    architecture: Architecture,
    slots: Slots,
) -> Any:
    """Applies the shortcut of a block: a convolution if the shape changes."""
    outputs = architecture.outputs_of(stage)
    if strides == 1 and x.shape[channel_axis()] == outputs:
        return x
    name = f"{name}_shortcut"
    if architecture.shortcut == "average":
        if strides > 1:
            x = _downsample(x, "average", f"{name}_pool")
        # Another name, since PyTorch's names differ even without a pooling.
        name, strides = f"{name}_conv", 1
    x = slots.before_convolution(x, stage, name)
    return _convolution(
        x, Kernel(1, strides, outputs), name, architecture, activated=False
    )


def _top(x: Any, architecture: Architecture, top: arguments.Top) -> Any:
    """Applies the pooling and the classifier."""
    if architecture.head == "covariance":
        x = _convolution(x, Kernel(1, 1, 256), "head_conv", architecture)
        x = CovariancePooling(name="head")(x)
    else:
        x = blocks.pool_features(x, "avg")
    x = blocks.dense(x, top.classes, "classifier")
    return blocks.activate(x, top.classifier_activation)
