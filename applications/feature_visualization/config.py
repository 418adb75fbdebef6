"""All that decides the result of a training run."""

import argparse
import dataclasses
from typing import Any, Self

from applications.common.image_settings import SIZE, ImageSettings
from applications.common.settings import (
    NUMBER,
    POSITIVE,
    SHARE,
    Rule,
    setting,
)

DEFAULT_RUN = "runs/feature_visualization"
# Fewer pixels leave nothing after three poolings.
LEAST = 9
# Most pixels a side of images whose size no option gives.
LARGEST = 128


def _are_filters(text: str) -> bool:
    try:
        values = [int(each) for each in text.split(",")]
    except ValueError:
        return False
    return len(values) == 5 and all(each > 0 for each in values)


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Settings of a training of ZF-Net."""

    learning_rate: float = 1e-2
    seed: int = setting(
        0, "of weights, order, crops, dropout and division of folders"
    )
    size: int = setting(
        28,
        "",
        Rule(f"{LEAST} or more", lambda x, _: x >= LEAST),
        derived=SIZE.format(LARGEST),
    )
    filters: str = setting(
        "32,64,96,96,64",
        "channels of the five convolutions, with commas",
        Rule(
            "five positive integers, with commas", lambda x, _: _are_filters(x)
        ),
    )
    units: int = setting(256, "of each linear layer", POSITIVE)
    dropout: float = setting(
        0.5, "share of these that are set to 0 in training", SHARE
    )
    normalization: str = setting(
        "paper",
        "constants of the normalisation across channels",
        choices=("paper", "reference"),
    )
    initializer: str = setting(
        "he",
        "paper draws all weights with a deviation of 0.01, he "
        "those between the first and the last layer with sqrt(2 / inputs)",
        choices=("he", "paper"),
    )
    constraint: float = setting(
        0.1,
        "most that the root mean square of a filter may be; 0: no limit",
        NUMBER,
    )
    crop: int = setting(
        24,
        "height and width of what is seen of an image: in training at "
        "a random place, and mirrored at random; 0: whole images as they are",
        Rule(
            f"0, or {LEAST} or more and not above --size",
            lambda x, config: x == 0 or LEAST <= x <= config.size,
        ),
        derived="six sevenths of the size",
    )
    momentum: float = setting(0.9, "of the descent", SHARE)
    schedule: str = setting(
        "plateau",
        "of the learning rate: plateau divides it by 10 when the "
        "loss stops falling, that of the validation if there is one",
        choices=("plateau", "cosine"),
    )
    patience: int = setting(
        1, "epochs without a lower loss before plateau does so", POSITIVE
    )
    weight_decay: float = setting(
        0.0, "share of each weight taken away, times learning rate", NUMBER
    )

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Takes the settings out of parsed options, besides those given."""
        size = others.get("size", options.size)
        if options.crop is None and size is not None:
            others.setdefault("crop", max(LEAST, size * 6 // 7))
        return super().from_options(options, **others)

    @property
    def seen(self) -> int:
        """Height and width of what the network reads."""
        return self.crop or self.size

    @property
    def filter_list(self) -> tuple[int, ...]:
        """The channels of the five convolutions."""
        return tuple(int(each) for each in self.filters.split(","))
