"""Names of the parts of a ResNet in several PyTorch code bases."""

import re
from collections.abc import Callable
from typing import NamedTuple

import keras

from keras_attn.layers.blocks.selective_kernel import SelectiveKernel

Layers = dict[str, keras.layers.Layer]
# Names, each with its layer.
Names = list[tuple[str, keras.layers.Layer | None]]


class Spelling(NamedTuple):
    """How a code base names the parts of a ResNet.

    Attributes:
        attention: Attribute of a block that holds the attention, or `""` if
            its weights are attributes of the block.
        stem: Prefix of the stem.
        blocks: Part of a name between a stage and the index of a block.
        convolution: Convolution `{}` of a block.
        normalization: The normalisation that follows it.
        before: Attention before convolution `{}`, or `None` for an attribute
            of `attention`. In the shortcut, it comes first.
        like_blocks: Whether the stem names its convolutions as a block does.
            In other spellings, those of a deep stem are a list.
        classifier: The classifier.
        head: The 1x1 convolution of the head.
        head_normalization: Its normalisation.
        renamed: Function that is applied to the resulting names.
    """

    attention: str
    stem: str = ""
    blocks: str = ""
    convolution: str = "conv{}"
    normalization: str = "bn{}"
    before: str | None = None
    like_blocks: bool = False
    classifier: str = "fc"
    head: str = "head_conv"
    head_normalization: str = "head_bn"
    renamed: Callable[[str], str] = str

    def names(self, layers: Layers) -> Names:
        """Returns the names of all layers with weights."""
        found = self._names(layers)
        return [(self.renamed(name), layer) for name, layer in found]

    def _names(self, layers: Layers) -> Names:
        names = self._stem(layers)
        for name, layer in layers.items():
            stage, _, rest = name.removeprefix("stage").partition("_")
            if rest == "attention" and stage.isdigit():
                names.append((f"layer{stage}.{self.attention}", layer))
            elif rest.startswith("block"):
                index, _, part = rest.removeprefix("block").partition("_")
                prefix = f"layer{stage}.{self.blocks}{int(index) - 1}"
                if part == "attention":
                    block = f"stage{stage}_block{index}"
                    attribute = _replaced(layers, block) or self.attention
                    names.append((f"{prefix}.{attribute}".rstrip("."), layer))
                else:
                    names += self._part(layer, part, prefix)
        if "head_conv" in layers:
            pair = self.head, self.head_normalization
            names += _pair(layers["head_conv"], *pair)
        if "classifier" in layers:
            return [*names, (self.classifier, layers["classifier"])]
        heads = self.head, self.head_normalization, self.classifier
        return [*names, *((head, None) for head in heads)]

    def _stem(self, layers: Layers) -> Names:
        convolutions = [
            layer
            for name, layer in layers.items()
            if name.startswith("stem") and hasattr(layer, "convolution")
        ]
        count = len(convolutions)
        pairs = [("conv1", "bn1")]
        if self.like_blocks:
            pairs = [
                (self.convolution.format(i), self.normalization.format(i))
                for i in range(1, count + 1)
            ]
        elif count > 2:
            pairs = [
                ("conv1.0", "conv1.1"),
                ("conv1.3", "conv1.4"),
                ("conv1.6", "bn1"),
            ]
        if count > len(pairs):
            # Instead of a max pooling, after one or three convolutions.
            pairs.append(("maxpool.0", "maxpool.1"))
        names = []
        for layer, pair in zip(convolutions, pairs, strict=True):
            names += _pair(layer, *(self.stem + each for each in pair))
        for name, layer in layers.items():
            if not (name.startswith("stem") and name.endswith("_attention")):
                continue
            before = name.removesuffix("_attention").removeprefix("stem_")
            if before != "stem":
                names.append((f"{self.stem}{self.attention}.{before}", layer))
            elif self.before is None:
                names.append((self.stem + self.attention, layer))
            else:
                names.append((self.stem + self.before.format(1), layer))
        return names

    def _part(self, layer: keras.layers.Layer, part: str, prefix: str) -> Names:
        """Returns the names of one part of a block."""
        if part.endswith("_attention"):
            before = part.removesuffix("_attention")
            return [(f"{prefix}.{self._before(before)}", layer)]
        if part.startswith("shortcut") and hasattr(layer, "convolution"):
            # The list starts with a pooling or with attention.
            first = part == "shortcut_conv" or self.before is not None
            start = f"{prefix}.downsample"
            return _pair(
                layer, f"{start}.{int(first)}", f"{start}.{1 + int(first)}"
            )
        if part.startswith("conv"):
            i = part.removeprefix("conv")
            return _pair(
                layer,
                f"{prefix}.{self.convolution.format(i)}",
                f"{prefix}.{self.normalization.format(i)}",
            )
        return []

    def _before(self, part: str) -> str:
        """Returns the name of the attention before a part."""
        if self.before is None:
            return f"{self.attention}.{part}"
        if part.startswith("shortcut"):
            return "downsample.0"
        return self.before.format(part.removeprefix("conv"))


def _replaced(layers: Layers, block: str) -> str | None:
    """Returns the convolution that attention replaces in a block, if any."""
    return next(
        (x for x in ("conv1", "conv2") if f"{block}_{x}" not in layers), None
    )


def _pair(
    layer: keras.layers.Layer, convolution: str, normalization: str
) -> Names:
    return [
        (convolution, layer.convolution),
        (normalization, layer.normalization),
    ]


def _in_stages(name: str) -> str:
    """Returns a name in timm's `byobnet` for that of its `resnet`."""
    name = re.sub(
        r"^layer(\d)", lambda match: f"stages.{int(match[1]) - 1}", name
    )
    name = re.sub(r"(^stages.*\.conv)([13])\.", r"\1\2_1x1.", name)
    name = re.sub(r"(^stages.*\.conv)2\.", r"\g<1>2_kxk.", name)
    name = name.replace("downsample.1", "shortcut.conv.conv")
    return name.replace("downsample.2", "shortcut.conv.bn")


# The first one, of timm and torchvision, is used for writing checkpoints. The
# others come from the official code of ECA, CBAM, SRM, FcaNet and DIANet. A
# stage of DIANet holds its blocks in a list beside the cell.
PLAIN = (
    Spelling("se"),
    Spelling("eca"),
    Spelling("cbam"),
    Spelling("srm"),
    Spelling("att"),
    Spelling("attention"),
    Spelling("rclb"),
    Spelling("layer_block"),
    Spelling("lstm", blocks="ModuleList."),
)
# fast-MPN-COV and, with attributes of the block, GSoP-Net.
REDUCED = Spelling(
    "se", head="layer_reduce", head_normalization="layer_reduce_bn"
)
GSOP = REDUCED._replace(attention="")
# GCT's, with a list of attention and convolution.
GCT = Spelling(
    "",
    stem="stem.",
    convolution="conv{}.1",
    before="conv{}.0",
    like_blocks=True,
)
# Cadene's, which timm calls `legacy`.
LEGACY = Spelling(
    "se_module", stem="layer0.", like_blocks=True, classifier="last_linear"
)
# timm's networks with selective kernels.
PAIRS = Spelling("se", convolution="conv{}.conv", normalization="conv{}.bn")
# timm's form of CLIP's image encoders.
CLIP = Spelling(
    "attn",
    stem="stem.",
    convolution="conv{}.conv",
    normalization="conv{}.bn",
    like_blocks=True,
    classifier="head.fc",
    renamed=_in_stages,
)


def of(layers: Layers) -> list[Spelling]:
    """Returns the spellings for a network, the one for writing first."""
    found = [*PLAIN, REDUCED, GSOP]
    if any(isinstance(layer, SelectiveKernel) for layer in layers.values()):
        found.insert(0, PAIRS)
    if "stem_attention" in layers:
        found.append(GCT)
    # Other networks would load, and compute something else.
    if "stem_padding" in layers:
        found.append(LEGACY)
    pools = isinstance(layers["stem"], keras.layers.AveragePooling2D)
    if pools and "stem_conv3" in layers:
        found.append(CLIP)
    return found
