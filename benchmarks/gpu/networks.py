"""The networks that are measured, ours and those of others.

Each is made when it is needed, since who only lists them needs no backend.
"""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Network:
    """What a row measures.

    Attributes:
        ours: Makes our model for the side of an image.
        plain: Makes that of `benchmarks.plain`.
        timm: Makes that of timm, if it has it.
        compiled: Which of these PyTorch also compiles, if any.
        side: Of an image.
        channels: Of an image.
        classes: Of an image, or of each position of a map.
        stride: Of this map; 0 where an image has one label.
        share: By what the batch is divided.
        any_side: Whether an image may be smaller.
        modes: What is timed.
    """

    ours: Callable
    plain: Callable
    timm: Callable | None = None
    compiled: str | None = "plain"
    side: int = 224
    channels: int = 3
    classes: int = 1000
    stride: int = 0
    share: int = 1
    any_side: bool = True
    modes: tuple = ("inference", "training")

    def peers(self, eager=False):
        """Returns who runs in turns with ours, compiled or `eager` only."""
        names = ("plain", "timm") if self.timm else ("plain",)
        if self.compiled and not eager:
            names += (f"{self.compiled} compiled",)
        return names


def _resnet(attention=None, **settings):
    def ours(side):
        from keras_attn.applications import ResNet50

        return ResNet50(
            input_shape=(side, side, 3),
            attention=attention,
            classifier_activation=None,
        )

    def plain(side):
        from benchmarks.plain import first_order
        from benchmarks.plain.resnet import ResNet50

        blocks = {"se": "SE", "eca": "ECA", "cbam": "CBAM"}
        block = attention and getattr(first_order, blocks[attention])
        return ResNet50(attention=block)

    def from_timm(side):
        import timm

        block = {"attn_layer": attention}
        return timm.create_model("resnet50", block_args=block)

    return Network(ours, plain, **{"timm": from_timm, **settings})


def _vit():
    def ours(side):
        from keras_attn.applications import ViT

        return ViT(
            input_shape=(side, side, 3),
            classifier_activation=None,
            hidden_dim=384,
            num_heads=6,
            mlp_dim=1536,
        )

    def plain(side):
        from benchmarks.plain.vit import ViT

        return ViT(side, 16, 384, 12, 6, 1536, 1000)

    def from_timm(side):
        import timm

        return timm.create_model("vit_small_patch16_224", img_size=side)

    return Network(ours, plain, from_timm, compiled="timm")


def _fernet():
    def ours(side):
        from keras_attn.applications import FERNet

        return FERNet(classifier_activation=None)

    def plain(side):
        from benchmarks.plain.fernet import FERNet

        # The published loop would only show what it costs to launch kernels.
        return FERNet(loop=False)

    return Network(ours, plain, side=48, channels=1, classes=7, any_side=False)


def _deeplab():
    def ours(side):
        from keras_attn.applications import DeepLabASC

        shape = (side, side, 3)
        return DeepLabASC(input_shape=shape, classifier_activation=None)

    def plain(side):
        from benchmarks.plain.deeplab import PaperAttentionToScale

        return PaperAttentionToScale()

    return Network(ours, plain, side=321, classes=21, stride=8, share=8)


# In the order in which they are measured, as time may run out.
NETWORKS = {
    "ResNet-50": _resnet(compiled="timm"),
    "ViT-S/16": _vit(),
    "Grad-CAM": _resnet(timm=None, compiled=None, modes=("maps",)),
    "ResNet-50 SE": _resnet("se", compiled="timm"),
    "FERNet": _fernet(),
    "DeepLab-ASC": _deeplab(),
    "ResNet-50 CBAM": _resnet("cbam", compiled=None),
    "ResNet-50 ECA": _resnet("eca", compiled=None),
}
