"""ResNets of any size and form."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.pretrained.constructors import takes_names
from keras_attn.applications.resnet import graph
from keras_attn.applications.resnet.architecture import Architecture
from keras_attn.applications.resnet.slots import Slots


def _form(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the arguments of a form mean, for `takes_names`."""
    slots = Slots(arguments["attention"], arguments["placement"], stages=4)
    attention = {"attention": slots.described(), "placement": slots.placement}
    return {**arguments, **attention}


@takes_names(_form)
def ResNet(
    include_top: bool = True,
    weights: arguments.Weights = None,
    input_tensor: Any = None,
    input_shape: arguments.InputShape = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: arguments.Activation = "softmax",
    name: str = "resnet",
    *,
    blocks: Sequence[int] = (3, 4, 6, 3),
    bottleneck: bool | Sequence[bool] = True,
    filters: Sequence[int] = (64, 128, 256, 512),
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
    """ResNet of any size and form, with slots for attention.

    A stem is followed by four stages of residual blocks, whose last layers
    are named `stage1` to `stage4`, and a linear layer. Each block is
    `y = relu(shortcut(x) + attention(branch(x)))`. With default arguments, it
    is ResNet-50 (version 1.5).

    The forms cover the ResNets of torchvision and timm. ResNet-C is
    `stem="deep"`, ResNet-D also has `shortcut="average"`, and timm's
    ResNet-T has `stem="tiered"` instead. ResNeXt-50 32x4d is `groups=32,
    width_per_group=4`, and Wide ResNet-50-2 is `width_per_group=128`.
    ResNet-RS is ResNet-D with `stem_pooling="convolution"` and SE with a
    ratio of 4.

    Reference: He et al., "Deep Residual Learning for Image Recognition", CVPR
    2016 (https://arxiv.org/abs/1512.03385). As in torchvision, padding is
    symmetric, and convolutions have no biases and He initialisation
    (fan-out). The forms are those of timm 1.0.31; each argument names its
    paper.

    Args:
        include_top: Whether to include the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file in Keras'
            format (`.weights.h5`, `.h5`, `.keras`) or of a checkpoint of
            torchvision or timm (`.safetensors`, `.pt`, `.pth`, `.pth.tar`,
            `.ckpt`, `.bin`, `.npz`). A checkpoint does not reveal strides, the
            activation, or pooling without weights. Or a name from
            `keras_attn.applications.pretrained()`, if the arguments describe
            its network, or `"imagenet"` for a fixed choice.
        input_tensor: Keras tensor to use as input, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`, with any height and width, which
            may be `None`. Defaults to the size of the named weights, if any,
            and otherwise to `(224, 224, 3)`. See `preprocess_input` for the
            range of values.
        pooling: Without the top, `None` for the last feature map, or `"avg"`
            or `"max"` for a vector.
        classes: Number of classes. Defaults to `1000`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"resnet"`.
        blocks: Number of residual blocks in each of the four stages. Defaults
            to `(3, 4, 6, 3)`.
        bottleneck: Whether a branch has 1x1, 3x3 and 1x1 convolutions, with
            four times as many outputs, instead of two 3x3. A list has one
            entry per stage. Defaults to `True`.
        filters: Number of filters of the 3x3 convolutions in each stage.
            Defaults to `(64, 128, 256, 512)`.
        attention: The block for the slots: anything that
            `keras_attn.layers.get` accepts, such as `"eca"`, or a list with
            one entry per stage. The names `"fca"` and `"gsop"` use the
            arguments of the official models in each stage. Defaults to
            `None`, for no attention.
        placement: `"block"`: at the end of each branch, after the last
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
            square root of their covariance (iSQRT-COV). fast-MPN-COV combines
            it with `last_stride=1`. Defaults to `"average"`.
        stem: The first convolutions. `"plain"`: 7x7 with stride 2. `"deep"`:
            three 3x3, the first with stride 2, of `w`, `w` and `2 w` filters
            (Inception; ResNet-C in https://arxiv.org/abs/1812.01187, figure
            2). `"tiered"`: the same with `3 w / 4`, `w` and `2 w` filters
            (timm). Defaults to `"plain"`.
        stem_width: The width `w` of the stem, which has `2 w` outputs.
            Defaults to `32`.
        stem_pooling: What follows the stem. `"max"`: 3x3 max pooling with
            stride 2. `"caffe"`: the same without padding, where the last
            window may exceed the map (SENet). `"convolution"`: 3x3
            convolution with stride 2, normalisation and activation
            (ResNet-RS, https://arxiv.org/abs/2103.07579). `None`: nothing.
            Defaults to `"max"`.
        shortcut: Where the shape changes, `"convolution"` applies a 1x1
            convolution with the stride. `"average"` averages 2x2 pixels
            before a 1x1 convolution without a stride (ResNet-D in
            https://arxiv.org/abs/1812.01187, figure 2). Defaults to
            `"convolution"`.
        groups: Number of groups of the 3x3 convolutions of bottlenecks
            (ResNeXt, https://arxiv.org/abs/1611.05431). Defaults to `1`.
        width_per_group: The 3x3 convolutions of bottlenecks have
            `int(filters * width_per_group / 64) * groups` filters. Defaults
            to `64`.
        stride_in: Which convolution of a bottleneck has the stride: `"3x3"`,
            as in torchvision, or `"1x1"`, the first one, as in the paper and
            Caffe. Defaults to `"3x3"`.
        last_stride: Stride of the last stage, 1 or 2. MPN-COV uses 1
            (https://arxiv.org/abs/1703.08050). Defaults to `2`.
        downsampling: How branches reduce the size. `"stride"`: by a strided
            convolution. `"average"`: without a stride, followed by the mean
            of 2x2 pixels, also as the pooling of the stem (timm's
            `resnetaa`). `"blur"`: the same with a 3x3 blur, after a max
            pooling in the stem (https://arxiv.org/abs/1904.11486).
            `"average_3x3"` and `"average_3x3_first"`: the mean of 3x3
            pixels, after or before the convolution, with zeros beyond the
            edges (ResNeSt, https://arxiv.org/abs/2004.08955). Defaults to
            `"stride"`.
        normalization: `"batch"`, or `"group"` for a group normalisation with
            32 groups (https://arxiv.org/abs/1803.08494). Defaults to
            `"batch"`.
        activation: Name of the Keras activation that replaces every ReLU.
            Defaults to `"relu"`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, classes)`, or features.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> model = keras_attn.applications.ResNet(
    ...     input_shape=(32, 32, 3),
    ...     blocks=(1, 1, 1, 1),
    ...     stem="deep",
    ...     shortcut="average",
    ...     attention="eca",
    ... )
    >>> tuple(model.output.shape)
    (None, 1000)
    """
    top = arguments.Top(include_top, pooling, classes, classifier_activation)
    architecture = Architecture(
        blocks=blocks,
        bottleneck=bottleneck,
        filters=filters,
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
    if len(architecture.blocks) != 4:
        raise ValueError(
            "`blocks` must have four entries, one for each stage. "
            f"Received: blocks={blocks!r}"
        )
    slots = Slots(attention, placement, stages=4)
    return graph.build(
        input_tensor, input_shape, architecture, slots, top, name, weights
    )
