"""ResNets for small images."""

from typing import Any

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.resnet import graph
from keras_attn.applications.resnet.architecture import Architecture
from keras_attn.applications.resnet.slots import Slots


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
    blocks of two 3x3 convolutions (depths 20, 32, 56, 110). With bottlenecks,
    it has `(depth - 2) / 9` blocks of 1x1, 3x3 and 1x1 convolutions, with four
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
        attention: See `ResNet`.
        placement: See `ResNet`.
        head: See `ResNet`.

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
    architecture = Architecture(
        blocks=[(depth - 2) // layers] * 3,
        bottleneck=bottleneck,
        filters=(16, 32, 64),
        head=head,
        stem_width=8,
        stem_pooling=None,
        side=32,
        kernel_size=3,
    )
    slots = Slots(attention, placement, stages=3)
    return graph.build(
        input_tensor, input_shape, architecture, slots, top, name, weights
    )
