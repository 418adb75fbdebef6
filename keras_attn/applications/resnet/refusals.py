"""Reasons to reject a checkpoint whose names and shapes fit."""

import re
from collections.abc import Collection

import keras

from keras_attn.applications.resnet.spelling import Layers
from keras_attn.layers.blocks.gsop import GSoP
from keras_attn.layers.parts.blur_pooling2d import BlurPooling2D
from keras_attn.weights.shown import quoted

# timm's names, and the downsampling of each kind, which has no weights. The
# fast forms of ResNeSt have names like `resnest50d_4s2x40d`.
_TIMM = (
    (r"resnest\d+[a-z]?_\d+s\d+x\d+d", "average_3x3_first"),
    (r"resnest\d", "average_3x3"),
    (r"resne(t|xt)aa\d", "average"),
    (r"resnet\w*_clip", "average"),
    (r"resne(t|xt)blur\d", "blur"),
    (r"resne(t|xt)\d", "stride"),
)
_COMPUTES = {
    "average": "averages 2x2 pixels",
    "average_3x3": "averages 3x3 pixels after a convolution",
    "average_3x3_first": "averages 3x3 pixels before a convolution",
    "blur": "blurs",
    "stride": "has strides and neither blurs nor averages",
}


def why(
    layers: Layers, names: Collection[str], architecture: str
) -> str | None:
    """Returns why a fitting checkpoint is of another network, or `None`."""
    return (
        _other_downsampling(layers, architecture)
        or _other_stride(layers, names)
        or _other_block(layers, names)
        or _other_head(layers, names)
        or _other_attention(names)
    )


def _other_downsampling(layers: Layers, architecture: str) -> str | None:
    kinds = (kind for name, kind in _TIMM if re.search(name, architecture))
    stated = next(kinds, None)
    found = _downsampling(layers)
    if stated in (None, found):
        return None
    return (
        f"architecture={quoted(architecture)}, which {_COMPUTES[stated]} when "
        f"it reduces the size. This model has `downsampling={found!r}`, so the "
        "same weights would compute something else. Build it with "
        f"`downsampling={stated!r}`."
    )


def _downsampling(layers: Layers) -> str:
    """Returns the argument `downsampling` of a model."""
    order = list(layers)
    pools = [x for x in order if re.fullmatch(r"stage\d+_block1_pool", x)]
    if not pools:
        return "stride"
    pool = layers[pools[0]]
    if isinstance(pool, BlurPooling2D):
        return "blur"
    if max(pool.pool_size) == 2:
        return "average"
    block = pools[0].removesuffix("_pool")
    first = order.index(pools[0]) < min(
        order.index(name)
        for name in (f"{block}_conv2", f"{block}_attention")
        if name in layers
    )
    return "average_3x3_first" if first else "average_3x3"


def _other_stride(layers: Layers, names: Collection[str]) -> str | None:
    gct = "stem.conv1.0.alpha" in names
    first = layers.get("stage2_block1_conv1")
    if gct and first is not None and _stride(first) == 1:
        return (
            "`stem.conv1.0.alpha`, a name in the checkpoints of the official "
            "GCT. Their bottlenecks have the stride in the first convolution "
            "and those of this model in the second, so the same weights would "
            "compute something else. Build it with `stride_in='1x1'`."
        )
    reduced = "layer_reduce.weight" in names
    second = any(name.endswith(".conv_for_DR.weight") for name in names)
    if not (reduced or second):
        return None
    last = [layer for name, layer in layers.items() if "stage4_block1" in name]
    # ResNets for small images have no fourth stage.
    if last and max(map(_stride, last)) == 1:
        return None
    name, source = (
        ("layer_reduce", "fast-MPN-COV and GSoP-Net2")
        if reduced
        else ("conv_for_DR", "GSoP-Net")
    )
    return (
        f"`{name}`, a name in the checkpoints of {source}. Their `layer4` has "
        "a stride of 1 and the last stage of this model a stride of 2, so the "
        "same weights would compute something else. Build it with "
        "`last_stride=1`. If your network has a stride of 2, rename "
        "`layer_reduce` to `head_conv` and `layer_reduce_bn` to `head_bn`."
    )


def _other_block(layers: Layers, names: Collection[str]) -> str | None:
    first = layers.get("stage2_block1_conv1")
    if "layer0.conv1.weight" not in names or first is None:
        return None
    what = "`layer0.conv1.weight`, a name in timm's `legacy` networks. "
    if "stem_padding" not in layers:
        return (
            f"{what}The pooling in their stem has no padding, so the same "
            "weights would compute something else. Build the model with "
            "`stem_pooling='caffe'`."
        )
    if "layer2.0.conv3.weight" not in names:
        return (
            f"{what}Those with blocks of two convolutions apply a ReLU before "
            "the attention, so the same weights would compute something else."
        )
    expected = "1x1" if _groups(layers["stage2_block1_conv2"]) == 1 else "3x3"
    found = "1x1" if _stride(first) == 2 else "3x3"
    if found == expected:
        return None
    return (
        f"{what}They have the stride in the first convolution of a bottleneck "
        "without groups, and otherwise in the second, so the same weights "
        "would compute something else. Build the model with "
        f"`stride_in={expected!r}`."
    )


def _other_head(layers: Layers, names: Collection[str]) -> str | None:
    has_gsop = any(isinstance(layer, GSoP) for layer in layers.values())
    if "layer_reduce.weight" not in names or "head_conv" not in layers:
        return None
    if not has_gsop:
        return None
    return (
        "`layer_reduce` and GSoP blocks, which GSoP-Net2 combines. Its head "
        "has three iterations and another order of features, so the same "
        "weights would compute something else. Build the model with "
        "`include_top=False`."
    )


def _other_attention(names: Collection[str]) -> str | None:
    if not any(name.endswith(".conv_for_DR_spatial.weight") for name in names):
        return None
    return (
        "`conv_for_DR_spatial`, a name in the checkpoints of GSoP-Net with "
        "attention to positions. They apply a ReLU to its result and this "
        "model does not, so the same weights would compute something else."
    )


def _groups(layer: keras.layers.Layer) -> int:
    """Returns the number of groups of a convolution."""
    return getattr(getattr(layer, "convolution", layer), "groups", 1)


def _stride(layer: keras.layers.Layer) -> int:
    """Returns the stride of a convolution or pooling, and 1 for others."""
    if isinstance(layer, BlurPooling2D):
        return 2
    strides = getattr(getattr(layer, "convolution", layer), "strides", (1, 1))
    return max(strides) if isinstance(strides, tuple) else int(strides)
