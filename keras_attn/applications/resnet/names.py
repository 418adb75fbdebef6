"""PyTorch names of the weights of a ResNet."""

import re
from collections.abc import Collection
from typing import Any

import keras

from keras_attn.layers.blocks.selective_kernel import SelectiveKernel
from keras_attn.weights import register_names
from keras_attn.weights.refusals import register_refusal
from keras_attn.weights.shown import quoted

Layers = dict[str, keras.layers.Layer]

# timm's names for networks with an `aa_layer`, which has no weights.
_BLURRED = re.compile(r"resne[tx]t?(aa|blur)")

# Attribute name of the attention, and the name part between a stage and the
# index of a block. The first spelling, timm's, is used for writing. The others
# are those of the official codes of ECA, CBAM, SRM, FcaNet and DIANet. A stage
# of DIANet holds its blocks in a list beside the cell.
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
    """Returns the naming schemes of a ResNet, or `None` for other models."""
    layers = _layers(model)
    if layers is None:
        return None
    found = [_names(layers, *spelling) for spelling in _SPELLINGS]
    if any(isinstance(layer, SelectiveKernel) for layer in layers.values()):
        found.insert(0, _in_pairs(found[0]))
    return found


@register_refusal
def refusal(
    model: keras.Model, names: Collection[str], architecture: str
) -> str | None:
    """Returns why a fitting checkpoint is of another network, or `None`."""
    if _layers(model) is None:
        return None
    if _BLURRED.search(architecture):
        return (
            f"architecture={quoted(architecture)}, which blurs or averages "
            "when it reduces the size. This model has no such layer, so the "
            "same weights would compute something else."
        )
    if "layer_reduce.weight" not in names:
        return None
    return (
        "`layer_reduce`, a name in the checkpoints of fast-MPN-COV and "
        "GSoP-Net2. Their `layer4` has a stride of 1 and that of this model a "
        "stride of 2, so the same weights would compute something else. If "
        "your network has a stride of 2, rename `layer_reduce` to `head_conv` "
        "and `layer_reduce_bn` to `head_bn`."
    )


def _layers(model: keras.Model) -> Layers | None:
    """Returns the layers of a ResNet by name, or `None` for other models."""
    layers = {layer.name: layer for layer in model.layers}
    # Attention may replace one of these.
    first = {"stage1_block1_conv1", "stage1_block1_conv2"}
    is_one = "stem" in layers and not first.isdisjoint(layers)
    return layers if is_one else None


def _names(layers: Layers, attribute: str, blocks: str) -> list[tuple]:
    """Returns the names in a given spelling."""
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
            replaced = _replaced(layers, f"stage{stage}_block{index}")
            if part == "attention" and replaced:
                names.append((f"{prefix}.{replaced}", layer))
            else:
                names += _of_part(layer, part, prefix, attribute)
    if "head_conv" in layers:
        names += _of_convolution(layers["head_conv"], "head_conv", "head_bn")
    if "classifier" in layers:
        return [*names, ("fc", layers["classifier"])]
    return [*names, ("head_conv", None), ("head_bn", None), ("fc", None)]


def _in_pairs(names: list[tuple]) -> list[tuple]:
    """Returns the names in timm's networks with selective kernels.

    There, each convolution of a branch and its normalisation are a pair.
    """
    pair = re.compile(r"(layer\d.*\.)(conv|bn)(\d)")
    return [
        (name, layer)
        if isinstance(layer, SelectiveKernel)
        else (pair.sub(r"\1conv\3.\2", name), layer)
        for name, layer in names
    ]


def _replaced(layers: Layers, block: str) -> str | None:
    """Returns the convolution that attention replaces in a block, if any."""
    names = (name for name in ("conv1", "conv2"))
    return next((x for x in names if f"{block}_{x}" not in layers), None)


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
