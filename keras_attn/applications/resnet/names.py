"""What the weights of a ResNet are called in PyTorch."""

import re
from collections.abc import Collection
from typing import Any

import keras

from keras_attn.weights import register_names
from keras_attn.weights.refusals import register_refusal
from keras_attn.weights.shown import quoted

Layers = dict[str, keras.layers.Layer]

# timm's names of networks with `aa_layer`, which has no weights.
_BLURRED = re.compile(r"resne[tx]t?(aa|blur)")

# What the attribute of the attention is called, and what stands between a
# stage and the index of a block: timm's way first, which is the one that is
# written; then that of the official code of ECA, CBAM, SRM and FcaNet, and of
# DIANet, whose stages hold their blocks in a list, beside the cell.
_SPELLINGS = (
    ("se", ""),
    ("eca", ""),
    ("cbam", ""),
    ("srm", ""),
    ("att", ""),
    ("attention", ""),
    ("lstm", "ModuleList."),
)


@register_names
def torch_names(model: keras.Model) -> list[Any] | None:
    """Returns torchvision's and timm's names, if the model is a ResNet."""
    layers = _layers(model)
    if layers is None:
        return None
    return [_names(layers, *spelling) for spelling in _SPELLINGS]


@register_refusal
def refusal(
    model: keras.Model, names: Collection[str], architecture: str
) -> str | None:
    """Returns why a checkpoint that fits is of another network."""
    if _layers(model) is None:
        return None
    if _BLURRED.search(architecture):
        return (
            f"architecture={quoted(architecture)}, which blurs or averages "
            "where it reduces the size. This model has no such layer, and the "
            "same weights compute something else."
        )
    if "layer_reduce.weight" not in names:
        return None
    return (
        "`layer_reduce`, which stands in the checkpoints of fast-MPN-COV and "
        "GSoP-Net2. Their `layer4` has a stride of 1 and that of this model 2, "
        "so that the same weights compute something else. If your network has "
        "a stride of 2, rename `layer_reduce` to `head_conv` and "
        "`layer_reduce_bn` to `head_bn`."
    )


def _layers(model: keras.Model) -> Layers | None:
    """Returns the layers of a ResNet by name, or `None` if it is none."""
    layers = {layer.name: layer for layer in model.layers}
    is_one = "stem" in layers and "stage1_block1_conv1" in layers
    return layers if is_one else None


def _names(layers: Layers, attribute: str, blocks: str) -> list[tuple]:
    """Returns the names in one spelling."""
    stem = layers.get("stem_conv", layers["stem"])
    names = _of_convolution(stem, "conv1", "bn1")
    if "stem_attention" in layers:
        names.append((attribute, layers["stem_attention"]))
    for name, layer in layers.items():
        stage, _, rest = name.removeprefix("stage").partition("_")
        if rest == "attention" and stage.isdigit():
            names.append((f"layer{stage}.{attribute}", layer))
        elif rest.startswith("block"):
            index, _, part = rest.removeprefix("block").partition("_")
            prefix = f"layer{stage}.{blocks}{int(index) - 1}"
            names += _of_part(layer, part, prefix, attribute)
    if "head_conv" in layers:
        names += _of_convolution(layers["head_conv"], "head_conv", "head_bn")
    if "classifier" in layers:
        return [*names, ("fc", layers["classifier"])]
    return [*names, ("head_conv", None), ("head_bn", None), ("fc", None)]


def _of_part(
    layer: keras.layers.Layer, part: str, prefix: str, attribute: str
) -> list[tuple]:
    """Returns the names of one part of a block."""
    if part == "attention":
        return [(f"{prefix}.{attribute}", layer)]
    if part.endswith("_attention"):
        before = part.removesuffix("_attention")
        return [(f"{prefix}.{attribute}.{before}", layer)]
    if part == "shortcut":
        pair = f"{prefix}.downsample.0", f"{prefix}.downsample.1"
        return _of_convolution(layer, *pair)
    if part.startswith("conv"):
        i = part.removeprefix("conv")
        return _of_convolution(layer, f"{prefix}.conv{i}", f"{prefix}.bn{i}")
    return []


def _of_convolution(
    layer: keras.layers.Layer, convolution: str, normalization: str
) -> list[tuple]:
    return [
        (convolution, layer.convolution),
        (normalization, layer.normalization),
    ]
