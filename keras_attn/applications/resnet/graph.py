"""The graph that all ResNets are, of stages of residual blocks."""

import keras

from keras_attn.applications.common import arguments, blocks
from keras_attn.layers.covariance_pooling import CovariancePooling
from keras_attn.layers.parts.conv2d_norm_activation import Conv2DNormActivation
from keras_attn.layers.parts.initializers import FanOutNormal
from keras_attn.layers.parts.max_pooling2d import MaxPooling2D
from keras_attn.layers.parts.residual_add import ResidualAdd


def build(
    input_tensor,
    input_shape,
    default_shape,
    *,
    stem,
    filters,
    counts,
    bottleneck,
    slots,
    top,
    name,
    weights,
):
    """Returns a model, after all arguments were checked."""
    include_top, pooling, classes, classifier_activation, head = top
    arguments.check_top(include_top, pooling, classes, classifier_activation)
    arguments.check_weights(weights)
    _check_head(head)
    input_tensor = arguments.image_input(
        input_tensor, input_shape, default_shape
    )
    units, size = stem
    x = slots.before_convolution(input_tensor, 1, "stem")
    if size == 7:
        x = _convolution(x, units, size, 2, "stem_conv")
        x = MaxPooling2D(3, 2, padding=1, name="stem")(x)
    else:
        x = _convolution(x, units, size, 1, "stem")
    for stage, (units, count) in enumerate(
        zip(filters, counts, strict=True), start=1
    ):
        x = _stage(x, units, count, stage, bottleneck, slots)
    if include_top:
        x = _top(x, head, classes, classifier_activation)
    else:
        x = blocks.pool_features(x, pooling)
    return arguments.finish(input_tensor, x, name, weights)


def _convolution(x, filters, size, strides, name, activation="relu"):
    """Convolution without bias, batch normalisation and activation."""
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


def _stage(x, filters, count, stage, bottleneck, slots):
    """Blocks of one size, the first of which halves it but in stage 1."""
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
            activation = "relu" if j < len(branch) else None
            y = _convolution(
                y, units, size, step, f"{name}_conv{j}", activation
            )
        y = slots.end_branch(y, stage, name, last=i == count)
        axis = 1 if keras.config.image_data_format() == "channels_first" else 3
        if strides > 1 or x.shape[axis] != outputs:
            x = slots.before_convolution(x, stage, f"{name}_shortcut")
            x = _convolution(x, outputs, 1, strides, f"{name}_shortcut", None)
        end = f"stage{stage}" if i == count else name
        x = ResidualAdd(name=end)([x, y])
    return x


def _check_head(head):
    if head not in ("average", "covariance"):
        raise ValueError(
            f"`head` must be 'average' or 'covariance'. Received: head={head!r}"
        )


def _top(x, head, classes, activation):
    """Pools, and classifies."""
    if head == "covariance":
        x = _convolution(x, 256, 1, 1, "head_conv")
        x = CovariancePooling(name="head")(x)
    else:
        x = blocks.pool_features(x, "avg")
    x = blocks.dense(x, classes, "classifier")
    # float32, so that probabilities sum to 1 in mixed precision.
    return keras.layers.Activation(
        activation, dtype="float32", name="predictions"
    )(x)
