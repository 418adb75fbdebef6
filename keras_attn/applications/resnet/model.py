"""ResNets for ImageNet, and ResNets for small images."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.common.sizes import sized
from keras_attn.applications.resnet import graph
from keras_attn.applications.resnet.slots import Slots

_DOCUMENTATION = """ResNet-{depth} with slots for attention (version 1.5).

    A 7x7 convolution and a pooling are followed by four stages of {blocks}
    blocks, whose last layers are named `stage1` to `stage4`, and a linear
    layer. Each block is `y = relu(shortcut(x) + attention(branch(x)))`, with
    a branch of {branch} convolutions.

    With default arguments, the model has {parameters:,} parameters, not
    counting the moving statistics. There are no pretrained weights, but
    `weights` accepts a checkpoint of torchvision or timm.

    Reference: He et al., "Deep Residual Learning for Image Recognition", CVPR
    2016 (https://arxiv.org/abs/1512.03385), table 1. As in torchvision, the
    stride is in the 3x3 convolution, padding is symmetric, and convolutions
    have no biases and He initialisation (fan-out).
    `keras.applications.ResNet50` has the stride in the first 1x1 convolution
    and a different padding, so its weights do not fit.

    Args:
        include_top: Whether to include the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file in Keras'
            format (`.weights.h5`, `.h5`, `.keras`) or of a checkpoint of
            torchvision or timm (`.safetensors`, `.pt`, `.pth`, `.pth.tar`,
            `.ckpt`, `.bin`, `.npz`). A checkpoint does not reveal strides or
            blurred downsampling.
        input_tensor: Keras tensor to use as input, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`, with any height and width,
            which may be `None`. Defaults to `(224, 224, 3)`. See
            `preprocess_input` for the range of values.
        pooling: Without the top, `None` for the last feature map, or `"avg"`
            or `"max"` for a vector.
        classes: Number of classes. Defaults to `1000`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"{name}"`.
        attention: The block for the slots: anything that
            `keras_attn.layers.get` accepts, such as `"eca"`, or a list with
            one entry per stage. The names `"fca"` and `"gsop"` use the
            arguments of the official models in each stage. Defaults to
            `None`, for no attention.
        placement: `"block"`: at the end of each branch, after the last batch
            normalisation. `"last"`: only in the last block of each stage.
            `"convolution"`: before each convolution. `"shared"`: one layer
            per stage, at the end of each branch, which passes its state from
            block to block. `"replace"`: instead of the first 3x3 convolution
            of each branch, its normalisation and its activation. `None` selects
            the placement of the block's paper: `"last"` for GSoP,
            `"convolution"` for GCT, `"shared"` for DIA, `"replace"` for
            selective kernels and split attention, and `"block"` for all
            others. Defaults to `None`.
        head: The pooling before the classifier: `"average"`, or
            `"covariance"` for a 1x1 convolution to 256 channels and the
            square root of their covariance (iSQRT-COV). Checkpoints of
            fast-MPN-COV are rejected, since their last stage has a stride of
            1. Defaults to `"average"`.

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
    ) -> keras.Model:
        top = arguments.Top(
            include_top, pooling, classes, classifier_activation
        )
        architecture = graph.Architecture(
            side=224,
            kernel_size=7,
            filters=(64, 128, 256, 512),
            blocks=blocks,
            bottleneck=bottleneck,
            head=head,
        )
        slots = Slots(attention, placement, stages=4)
        return graph.build(
            input_tensor, input_shape, architecture, slots, top, name, weights
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


def ResNetCIFAR(
    include_top: bool = True,
    weights: arguments.Weights = None,
    input_tensor: Any = None,
    input_shape: arguments.InputShape = None,
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: arguments.Activation = "softmax",
    name: str = "resnet_cifar",
    *,
    depth: int = 20,
    bottleneck: bool | None = None,
    attention: Any = None,
    placement: str | None = None,
    head: str = "average",
) -> keras.Model:
    """ResNet for small images, with slots for attention.

    A 3x3 convolution without pooling is followed by three stages of 16, 32
    and 64 filters, whose last layers are named `stage1` to `stage3`, and a
    linear layer. Each block is
    `y = relu(shortcut(x) + attention(branch(x)))`.

    The depth determines the number of blocks. A stage has `(depth - 2) / 6`
    blocks of two 3x3 convolutions (depths 20, 32, 56, 110), or
    `(depth - 2) / 9` bottlenecks of 1x1, 3x3 and 1x1 convolutions, with four
    times as many output channels (depths 29, 47, 164).

    Reference: He et al., "Deep Residual Learning for Image Recognition", CVPR
    2016 (https://arxiv.org/abs/1512.03385), section 4.2. The bottleneck form
    follows DIANet. Where the size changes, the shortcut is a 1x1 convolution;
    the paper pads channels with zeros instead.

    Args:
        include_top: Whether to include the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file in Keras'
            format (`.weights.h5`, `.h5`, `.keras`) or of a PyTorch checkpoint
            with torchvision's names (`.safetensors`, `.pt`, `.pth`,
            `.pth.tar`, `.ckpt`, `.bin`, `.npz`).
        input_tensor: Keras tensor to use as input, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`, with any height and width,
            which may be `None`. Defaults to `(32, 32, 3)`.
        pooling: Without the top, `None` for the last feature map, or `"avg"`
            or `"max"` for a vector.
        classes: Number of classes. Defaults to `10`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"resnet_cifar"`.
        depth: Number of layers with weights from image to class. Defaults to
            `20`.
        bottleneck: Whether blocks are bottlenecks of 1x1, 3x3 and 1x1
            convolutions. `None` selects them if the depth is 164 or not
            6 n + 2. Defaults to `None`.
        attention: See `ResNet50`.
        placement: See `ResNet50`.
        head: See `ResNet50`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, classes)`, or features.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> model = keras_attn.applications.ResNetCIFAR(depth=8, attention="se")
    >>> tuple(model.output.shape)
    (None, 10)
    """
    is_depth = isinstance(depth, int) and depth >= 8
    if bottleneck is None:
        # 164 fits both forms, and means the bottleneck form in the literature.
        bottleneck = is_depth and ((depth - 2) % 6 != 0 or depth == 164)
    layers = 9 if bottleneck else 6
    if not is_depth or (depth - 2) % layers:
        raise ValueError(
            "`depth` must be 6 n + 2, such as 20, 56 or 110, or with "
            "`bottleneck` 9 n + 2, such as 29 or 164. "
            f"Received: depth={depth!r}, bottleneck={bottleneck}"
        )
    top = arguments.Top(include_top, pooling, classes, classifier_activation)
    architecture = graph.Architecture(
        side=32,
        kernel_size=3,
        filters=(16, 32, 64),
        blocks=[(depth - 2) // layers] * 3,
        bottleneck=bottleneck,
        head=head,
    )
    slots = Slots(attention, placement, stages=3)
    return graph.build(
        input_tensor, input_shape, architecture, slots, top, name, weights
    )
