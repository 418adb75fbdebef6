"""The measured networks: ours, plain PyTorch and timm.

Each is imported when it is made, so that listing them needs no backend.
"""

import dataclasses
from collections.abc import Callable
from importlib import import_module

from benchmarks.twins import twins


@dataclasses.dataclass(frozen=True)
class Network:
    """A measured network.

    Attributes:
        ours: Function that takes the image size and returns our model.
        plain: The same for `benchmarks.plain`.
        timm: The same for timm, or `None`.
        compiled: Which of the two also runs under `torch.compile`, or `None`.
        side: Height and width of an image.
        channels: Number of image channels.
        classes: Number of classes.
        stride: Stride of the label map; 0 if an image has a single label.
        share: Divisor of the batch size.
        any_side: Whether the network takes smaller images.
        modes: Names of the timed steps.
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
        """Returns the names of the subjects to compare with ours."""
        names = ("plain", "timm") if self.timm else ("plain",)
        if self.compiled and not eager:
            names += (f"{self.compiled} compiled",)
        return names


def _ours(name, side, channels=3, **arguments):
    return getattr(import_module("keras_attn.applications"), name)(
        input_shape=(side, side, channels),
        classifier_activation=None,
        **arguments,
    )


def _plain(module):
    return import_module(f"benchmarks.plain.{module}")


def _timm(name, **arguments):
    return import_module("timm").create_model(name, **arguments)


def _resnet(attention=None, **settings):
    """Returns ResNet-50, with a block if one is named."""

    def plain(side):
        block = attention and twins()[attention.upper()][1].make()
        return _plain("resnet").ResNet50(attention=block)

    defaults = {
        "ours": lambda side: _ours("ResNet50", side, attention=attention),
        "plain": plain,
        "timm": lambda side: _timm(
            "resnet50", block_args={"attn_layer": attention}
        ),
        "compiled": None,
    }
    return Network(**defaults | settings)


# In order of priority, as time may run out.
NETWORKS = {
    "ResNet-50": _resnet(compiled="timm"),
    "ViT-S/16": Network(
        ours=lambda side: _ours(
            *("ViT", side), hidden_dim=384, num_heads=6, mlp_dim=1536
        ),
        plain=lambda side: _plain("vit").ViT(side, 16, 384, 12, 6, 1536, 1000),
        timm=lambda side: _timm("vit_small_patch16_224", img_size=side),
        compiled="timm",
    ),
    "Grad-CAM": _resnet(timm=None, modes=("maps",)),
    "SE-ResNet-50": _resnet("se", compiled="timm"),
    "FERNet": Network(
        ours=lambda side: _ours("FERNet", side, channels=1),
        # The published loop would mostly measure kernel launches.
        plain=lambda side: _plain("fernet").FERNet(loop=False),
        side=48,
        channels=1,
        classes=7,
        any_side=False,
    ),
    "DeepLab-ASC": Network(
        ours=lambda side: _ours("DeepLabASC", side),
        plain=lambda side: _plain("deeplab").PaperAttentionToScale(),
        side=321,
        classes=21,
        stride=8,
        share=8,
    ),
    "CBAM-ResNet-50": _resnet("cbam"),
    "ECA-ResNet-50": _resnet("eca"),
}
