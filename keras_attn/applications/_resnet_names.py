"""What the weights of a ResNet are called in PyTorch."""

from keras_attn.weights import register_names

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
def torch_names(model):
    """Returns torchvision's and timm's names, if the model is a ResNet."""
    layers = {layer.name: layer for layer in model.layers}
    if "stem" not in layers or "stage1_block1_conv1" not in layers:
        return None
    return [_names(layers, *spelling) for spelling in _SPELLINGS]


def _names(layers, attribute, blocks):
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
        names += _of_convolution(
            layers["head_conv"], "layer_reduce", "layer_reduce_bn"
        )
    if "classifier" in layers:
        names.append(("fc", layers["classifier"]))
    return names


def _of_part(layer, part, prefix, attribute):
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


def _of_convolution(layer, convolution, normalization):
    return [
        (convolution, layer.convolution),
        (normalization, layer.normalization),
    ]
