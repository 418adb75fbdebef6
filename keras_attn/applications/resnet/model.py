"""The ResNets: those of ImageNet by their depth, and those for small images."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.common.sizes import sized
from keras_attn.applications.resnet import graph
from keras_attn.applications.resnet.slots import Slots

_DOCUMENTATION = """ResNet-{depth} with a slot for attention (version 1.5).

    A 7x7 convolution and a pooling, then four stages of {blocks} blocks, named
    `stage1` to `stage4` by their ends, each block
    `y = relu(shortcut(x) + attention(branch(x)))` with a branch of {branch}
    convolutions, then a linear layer. {parameters:,} parameters as called
    here, besides the moving statistics. No weights come with it: `weights`
    takes a checkpoint of torchvision or timm.

    Reference: He et al., "Deep Residual Learning for Image Recognition", CVPR
    2016 (https://arxiv.org/abs/1512.03385), table 1. As in torchvision, the
    stride is in the 3x3 convolution, padding is the same on all sides, and
    convolutions have no biases and start as He et al. draw them, by their
    outputs. `keras.applications.ResNet50` has the stride in the first 1x1
    convolution and other padding: its weights do not fit.

    Args:
        include_top: Whether to end in the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file: Keras'
            (`.weights.h5`, `.h5`, `.keras`) or a checkpoint of torchvision or
            timm (`.safetensors`, `.pt`, `.pth`, `.pth.tar`, `.ckpt`, `.bin`,
            `.npz`), which does not tell strides or blurred downsampling.
        input_tensor: Keras tensor to start from, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`; any height and width, also
            `None`. Defaults to `(224, 224, 3)`. See `preprocess_input` for its
            values.
        pooling: Without top: `None` for the last feature map, `"avg"` or
            `"max"` for a vector.
        classes: Number of classes. Defaults to `1000`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"{name}"`.
        attention: Which block goes into the slots: anything that
            `keras_attn.layers.get` takes, such as `"eca"`, or a list of
            these, one a stage. `"fca"` and `"gsop"` by name have the
            arguments of the official models in each stage. `None` for none.
        placement: `"block"`: at the end of each branch, after the last batch
            normalisation. `"last"`: only in the last block of each stage.
            `"convolution"`: before each convolution. `"shared"`: one layer a
            stage, at the end of its branches, whose state goes from block to
            block. `None` for the one of the block's paper: `"last"` for GSoP,
            `"convolution"` for GCT, `"shared"` for DIA, `"block"` for all
            others. Defaults to `None`.
        head: What pools for the classifier: `"average"`, or `"covariance"`, a
            1x1 convolution to 256 channels and the square root of their
            covariance (iSQRT-COV). Checkpoints of fast-MPN-COV, whose last
            stage has a stride of 1, are refused. Defaults to `"average"`.

    Returns:
        A functional `keras.Model`: class probabilities `(batch, classes)`, or
        features.

    Raises:
        ValueError: For any argument outside of the above.

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
    """Returns the function that makes one size of ResNet."""

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
    """ResNet for small images, with a slot for attention.

    A 3x3 convolution and no pooling, then three stages of 16, 32 and 64
    filters, named `stage1` to `stage3` by their ends, each block
    `y = relu(shortcut(x) + attention(branch(x)))`, then a linear layer. The
    depth gives the blocks: `(depth - 2) / 6` a stage, of two 3x3 convolutions
    each (20, 32, 56, 110), or `(depth - 2) / 9` of 1x1, 3x3 and 1x1, with four
    times as many outputs (29, 47, 164).

    Reference: He et al., "Deep Residual Learning for Image Recognition", CVPR
    2016 (https://arxiv.org/abs/1512.03385), section 4.2; the 1x1 form as
    DIANet and others use it. Where the size changes, the shortcut is a 1x1
    convolution, where the paper pads channels with zeros.

    Args:
        include_top: Whether to end in the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file: Keras'
            (`.weights.h5`, `.h5`, `.keras`) or a PyTorch checkpoint in
            torchvision's names (`.safetensors`, `.pt`, `.pth`, `.pth.tar`,
            `.ckpt`, `.bin`, `.npz`).
        input_tensor: Keras tensor to start from, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`; any height and width, also
            `None`. Defaults to `(32, 32, 3)`.
        pooling: Without top: `None` for the last feature map, `"avg"` or
            `"max"` for a vector.
        classes: Number of classes. Defaults to `10`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"resnet_cifar"`.
        depth: How many layers with weights there are from image to class.
            Defaults to `20`.
        bottleneck: Whether blocks are 1x1, 3x3 and 1x1, or `None` for what
            is usual: only where the depth is not 6 n + 2, or is 164.
            Defaults to `None`.
        attention: See `ResNet50`.
        placement: See `ResNet50`.
        head: See `ResNet50`.

    Returns:
        A functional `keras.Model`: class probabilities `(batch, classes)`, or
        features.

    Raises:
        ValueError: For any argument outside of the above.

    Example:

    >>> model = keras_attn.applications.ResNetCIFAR(depth=8, attention="se")
    >>> tuple(model.output.shape)
    (None, 10)
    """
    is_depth = isinstance(depth, int) and depth >= 8
    if bottleneck is None:
        # 164 is both, and stands for the second in the literature.
        bottleneck = is_depth and ((depth - 2) % 6 != 0 or depth == 164)
    layers = 9 if bottleneck else 6
    if not is_depth or (depth - 2) % layers:
        raise ValueError(
            "`depth` must be 6 n + 2, such as 20, 56 or 110, or 9 n + 2, such "
            "as 29 or 164, which is with `bottleneck`. "
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
