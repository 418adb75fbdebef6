"""ResNets of named depths."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.common.sizes import sized
from keras_attn.applications.resnet.model import ResNet

_DOCUMENTATION = """ResNet-{depth} with slots for attention (version 1.5).

    A 7x7 convolution and a pooling are followed by four stages of {blocks}
    blocks, whose last layers are named `stage1` to `stage4`, and a linear
    layer. Each block is `y = relu(shortcut(x) + attention(branch(x)))`, with
    a branch of {branch} convolutions. `ResNet` builds it, and describes the
    forms that the keyword arguments select.

    With default arguments, the model has {parameters:,} parameters, not
    counting the moving statistics, and `weights="imagenet"` is
    `"torchvision/ResNet{depth}_Weights.IMAGENET1K_V{version}"`.

    Reference: He et al., "Deep Residual Learning for Image Recognition", CVPR
    2016 (https://arxiv.org/abs/1512.03385), table 1. As in torchvision, the
    stride is in the 3x3 convolution, padding is symmetric, and convolutions
    have no biases and He initialisation (fan-out).
    `keras.applications.ResNet50` has the stride in the first 1x1 convolution
    and a different padding, so its weights do not fit.

    Args:
        include_top: Whether to include the classifier. Defaults to `True`.
        weights: `None`, a name or the path of a file, as for `ResNet`.
        input_tensor: Keras tensor to use as input, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image, with any height and width, which may
            be `None`. Defaults to `(224, 224, 3)`. See `preprocess_input` for
            the range of values.
        pooling: Without the top, `None` for the last feature map, or `"avg"`
            or `"max"` for a vector.
        classes: Number of classes. Defaults to `1000`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"{name}"`.
        attention: The block for the slots, such as `"eca"`, as for `ResNet`.
            Defaults to `None`, for no attention.
        placement: As for `ResNet`. Defaults to `None`.
        head: As for `ResNet`. Defaults to `"average"`.
        stem: As for `ResNet`. Defaults to `"plain"`.
        stem_width: As for `ResNet`. Defaults to `32`.
        stem_pooling: As for `ResNet`. Defaults to `"max"`.
        shortcut: As for `ResNet`. Defaults to `"convolution"`.
        groups: As for `ResNet`. Defaults to `1`.
        width_per_group: As for `ResNet`. Defaults to `64`.
        stride_in: As for `ResNet`. Defaults to `"3x3"`.
        last_stride: As for `ResNet`. Defaults to `2`.
        downsampling: As for `ResNet`. Defaults to `"stride"`.
        normalization: As for `ResNet`. Defaults to `"batch"`.
        activation: As for `ResNet`. Defaults to `"relu"`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, classes)`, or features.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> model = keras_attn.applications.{function}(
    ...     input_shape=(32, 32, 3), classes=10, attention="eca"
    ... )
    >>> tuple(model.output.shape)
    (None, 10)
    """


def _resnet(
    depth: int, *, bottleneck: bool, blocks: Sequence[int], parameters: int
):
    """Returns the function that creates a ResNet of one depth."""

    @sized(
        f"ResNet{depth}",
        _DOCUMENTATION,
        depth=depth,
        blocks=", ".join(map(str, blocks)),
        branch="1x1, 3x3 and 1x1" if bottleneck else "two 3x3",
        parameters=parameters,
        # The second training recipe exists for the deeper ones only.
        version=2 if bottleneck else 1,
        name=f"resnet{depth}",
    )
    def function(
        include_top: bool = True,
        weights: arguments.Weights = None,
        input_tensor: Any = None,
        input_shape: arguments.InputShape = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: arguments.Activation = "softmax",
        name: str = f"resnet{depth}",
        *,
        attention: Any = None,
        placement: str | None = None,
        head: str = "average",
        stem: str = "plain",
        stem_width: int = 32,
        stem_pooling: str | None = "max",
        shortcut: str = "convolution",
        groups: int = 1,
        width_per_group: int = 64,
        stride_in: str = "3x3",
        last_stride: int = 2,
        downsampling: str = "stride",
        normalization: str = "batch",
        activation: str = "relu",
    ) -> keras.Model:
        return ResNet(
            include_top,
            weights,
            input_tensor,
            input_shape,
            pooling,
            classes,
            classifier_activation,
            name,
            blocks=blocks,
            bottleneck=bottleneck,
            attention=attention,
            placement=placement,
            head=head,
            stem=stem,
            stem_width=stem_width,
            stem_pooling=stem_pooling,
            shortcut=shortcut,
            groups=groups,
            width_per_group=width_per_group,
            stride_in=stride_in,
            last_stride=last_stride,
            downsampling=downsampling,
            normalization=normalization,
            activation=activation,
        )

    return function


ResNet18 = _resnet(
    18, bottleneck=False, blocks=(2, 2, 2, 2), parameters=11_689_512
)
ResNet34 = _resnet(
    34, bottleneck=False, blocks=(3, 4, 6, 3), parameters=21_797_672
)
ResNet50 = _resnet(
    50, bottleneck=True, blocks=(3, 4, 6, 3), parameters=25_557_032
)
ResNet101 = _resnet(
    101, bottleneck=True, blocks=(3, 4, 23, 3), parameters=44_549_160
)
ResNet152 = _resnet(
    152, bottleneck=True, blocks=(3, 8, 36, 3), parameters=60_192_808
)
