"""All that decides the result of a training run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

from applications.common.settings import Settings

DEFAULT_RUN = "runs/facial_expression"
SCHEDULES = ("constant", "cosine")
ATTENTION_ACTIVATIONS = ("none", "sigmoid")


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a training of FERNet."""

    size: int = 48
    channels: int = 1
    ratio: int = 4
    attention_activation: str = "none"
    epochs: int = 20
    batch_size: int = 25
    schedule: str = "constant"
    warmup_epochs: int = 0
    augment: bool = False
    mirror: bool = False
    class_weights: bool = False
    early_stopping: int = 0
    hold_out: float = 0.0

    HELP: ClassVar[Mapping[str, str]] = {
        **Settings.HELP,
        "data": "FER2013 csv, or a folder with a folder of images for each "
        "class; without it the 200 faces and not-faces of scikit-image",
        "size": "height and width that images are brought to, a multiple of 16",
        "channels": "1 for grey, 3 for colour",
        "ratio": "reduction of channels in FeatureAct",
        "attention_activation": "activation on FeatureAct's correlation",
        "learning_rate": "of Adam, at its highest",
        "schedule": "of the learning rate over the run",
        "warmup_epochs": "epochs in which the learning rate rises from 0",
        "augment": "flip, shift, turn, brighten images at random",
        "mirror": "train on the mirror image of each training image too",
        "class_weights": "let each class count the same in the loss",
        "early_stopping": "stop after so many epochs without a better "
        "validation accuracy; 0: never",
        "hold_out": "share of the training images used for validation, for "
        "data without a validation part",
        "seed": "of weights, order, augmentation and division of folders",
    }
    CHOICES: ClassVar[Mapping[str, Sequence]] = {
        **Settings.CHOICES,
        "channels": (1, 3),
        "schedule": SCHEDULES,
        "attention_activation": ATTENTION_ACTIVATIONS,
    }

    def rules(self) -> dict[str, tuple[bool, str]]:
        """Returns for each setting whether its rule holds, and what it is."""
        return {
            **super().rules(),
            "size": (self.size >= 16 and self.size % 16 == 0, "16, 32, 48, .."),
            "ratio": (self.ratio > 0, "positive"),
            "batch_size": (
                self.batch_size > 1,
                "2 or more, for batch normalisation",
            ),
            "warmup_epochs": (
                0 <= self.warmup_epochs < self.epochs,
                "0 or more and less than --epochs",
            ),
            "early_stopping": (self.early_stopping >= 0, "0 or more"),
            "hold_out": (0 <= self.hold_out < 1, "in [0, 1)"),
        }

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        return (self.size, self.size, self.channels)
