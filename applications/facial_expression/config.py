"""All that decides the result of a training run."""

import argparse
import dataclasses
from typing import Any

from applications.common import settings

DEFAULT_RUN = "runs/facial_expression"
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("none", "bfloat16", "float16")
ATTENTION_ACTIVATIONS = ("none", "sigmoid")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run; saved beside the model, compared on resuming.

    The number of workers and the amount of output are not here: they do not
    change a result.
    """

    data: str | None = None
    size: int = 48
    channels: int = 1
    ratio: int = 4
    attention_activation: str = "none"
    epochs: int = 20
    batch_size: int = 25
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup_epochs: int = 0
    augment: bool = False
    mirror: bool = False
    class_weights: bool = False
    early_stopping: int = 0
    hold_out: float = 0.0
    mixed_precision: str = "none"
    seed: int = 0

    def __post_init__(self):
        rules = {
            "size": (self.size >= 16 and self.size % 16 == 0, "16, 32, 48, .."),
            "ratio": (self.ratio > 0, "positive"),
            "epochs": (self.epochs > 0, "positive"),
            "batch_size": (
                self.batch_size > 1,
                "2 or more, for batch normalisation",
            ),
            "learning_rate": (self.learning_rate > 0, "positive"),
            "warmup_epochs": (
                0 <= self.warmup_epochs < self.epochs,
                "0 or more and less than --epochs",
            ),
            "early_stopping": (self.early_stopping >= 0, "0 or more"),
            "hold_out": (0 <= self.hold_out < 1, "in [0, 1)"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        settings.check(self, rules)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        return (self.size, self.size, self.channels)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings by name, for JSON."""
        return dataclasses.asdict(self)


def from_options(options: argparse.Namespace) -> Config:
    """Takes the settings out of parsed options."""
    return settings.from_options(options, Config)


HELP = {
    "data": "FER2013 csv, or a folder with a folder of images for each class; "
    "without it the 200 faces and not-faces of scikit-image",
    "size": "height and width that images are brought to, a multiple of 16",
    "channels": "1 for grey, 3 for colour",
    "ratio": "reduction of channels in FeatureAct",
    "attention_activation": "activation on FeatureAct's correlation",
    "epochs": "times that all training images are seen",
    "batch_size": "images of a step",
    "learning_rate": "of Adam, at its highest",
    "schedule": "of the learning rate over the run",
    "warmup_epochs": "epochs in which the learning rate rises from 0",
    "augment": "flip, shift, turn, brighten images at random",
    "mirror": "train on the mirror image of each training image too",
    "class_weights": "let each class count the same in the loss",
    "early_stopping": "stop after so many epochs without a better "
    "validation accuracy; 0: never",
    "hold_out": "share of the training images used for validation, for data "
    "without a validation part",
    "mixed_precision": "type of the computation; variables stay float32",
    "seed": "of weights, order, augmentation and division of folders",
}
CHOICES = {
    "channels": (1, 3),
    "schedule": SCHEDULES,
    "attention_activation": ATTENTION_ACTIVATIONS,
    "mixed_precision": PRECISIONS,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds an option for each setting."""
    settings.add_options(parser, Config, HELP, CHOICES)
