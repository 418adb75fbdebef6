"""All that decides the result of a training run."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from applications.common import chosen, datasets
from applications.common.settings import Settings

DEFAULT_RUN = "runs/feature_visualization"
INITIALIZERS = ("he", "paper")
NORMALIZATIONS = ("paper", "reference")
SCHEDULES = ("plateau", "cosine")
# Fewer pixels leave nothing after three poolings.
LEAST = 9
# Most pixels a side of images whose size no option gives.
LARGEST = 128


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a training of ZF-Net."""

    size: int = 28
    channels: int = 1
    validation: bool = False
    filters: str = "32,64,96,96,64"
    units: int = 256
    dropout: float = 0.5
    normalization: str = "paper"
    initializer: str = "he"
    constraint: float = 0.1
    crop: int = 24
    batch_size: int = 128
    learning_rate: float = 1e-2
    momentum: float = 0.9
    schedule: str = "plateau"
    patience: int = 1
    weight_decay: float = 0.0

    HELP: ClassVar[Mapping[str, str]] = {
        **Settings.HELP,
        **datasets.HELP,
        "filters": "channels of the five convolutions, with commas",
        "units": "of each linear layer",
        "dropout": "share of these that are set to 0 in training",
        "normalization": "constants of the normalisation across channels",
        "initializer": "paper draws all weights with a deviation of 0.01, he "
        "those between the first and the last layer with sqrt(2 / inputs)",
        "constraint": "most that the root mean square of a filter may be; 0: "
        "no limit",
        "crop": "height and width of what is seen of an image: in training at "
        "a random place, and mirrored at random; 0: whole images as they are",
        "momentum": "of the descent",
        "schedule": "of the learning rate: plateau divides it by 10 when the "
        "loss stops falling, that of the validation if there is one",
        "patience": "epochs without a lower loss before plateau does so",
        "weight_decay": "share of each weight taken away, times learning rate",
        "seed": "of weights, order, crops, dropout and division of folders",
    }
    CHOICES: ClassVar[Mapping[str, Sequence]] = {
        **Settings.CHOICES,
        "channels": (1, 3),
        "normalization": NORMALIZATIONS,
        "initializer": INITIALIZERS,
        "schedule": SCHEDULES,
    }

    DERIVED: ClassVar[Mapping[str, str]] = {
        **chosen.DERIVED,
        "size": f"{chosen.DERIVED['size']} {LARGEST}",
        "crop": "six sevenths of the size",
    }

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Takes the settings out of parsed options, besides those given."""
        size = others.get("size", options.size)
        if options.crop is None and size is not None:
            others.setdefault("crop", max(LEAST, size * 6 // 7))
        return super().from_options(options, **others)

    def rules(self) -> dict[str, tuple[bool, str]]:
        """Returns for each setting whether its rule holds, and what it is."""
        return {
            **super().rules(),
            "size": (self.size >= LEAST, f"{LEAST} or more"),
            "filters": (
                _are_filters(self.filters),
                "five positive integers, with commas",
            ),
            "units": (self.units > 0, "positive"),
            "dropout": (0 <= self.dropout < 1, "in [0, 1)"),
            "constraint": (
                0 <= self.constraint < float("inf"),
                "0, or a positive number",
            ),
            "crop": (
                self.crop == 0 or LEAST <= self.crop <= self.size,
                f"0, or {LEAST} or more and not above --size",
            ),
            "momentum": (0 <= self.momentum < 1, "in [0, 1)"),
            "patience": (self.patience > 0, "positive"),
            "weight_decay": (
                0 <= self.weight_decay < float("inf"),
                "0, or a positive number",
            ),
        }

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels that images are brought to."""
        return (self.size, self.size, self.channels)

    @property
    def seen(self) -> int:
        """Height and width of what the network reads."""
        return self.crop or self.size

    @property
    def filter_list(self) -> tuple[int, ...]:
        """The channels of the five convolutions."""
        return tuple(int(each) for each in self.filters.split(","))


def _are_filters(text: str) -> bool:
    try:
        values = [int(each) for each in text.split(",")]
    except ValueError:
        return False
    return len(values) == 5 and all(each > 0 for each in values)
