"""Settings that determine the result of a training run."""

import argparse
import dataclasses
from typing import Any, Self

from applications.common.image_settings import SIZE, ImageSettings
from applications.common.parsing import AUGMENTATION, NETWORK, TRAINING
from applications.common.settings import (
    FRACTION,
    NUMBER,
    POSITIVE,
    Rule,
    setting,
)

DEFAULT_RUN = "runs/feature_visualization"
# Fewer pixels leave nothing after three poolings.
LEAST = 9
# Largest side in pixels that is derived from the data.
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
        0,
        "seed of the weights, the order, the crops, dropout and the 70:15:15 "
        "split of a folder",
    )
    size: int = setting(
        28,
        "",
        Rule(f"{LEAST} or more", lambda x, _: x >= LEAST),
        derived=SIZE.format(LARGEST),
    )
    filters: str = setting(
        "32,64,96,96,64",
        "channels of the five convolutions, separated by commas",
        Rule(
            "five positive integers separated by commas",
            lambda x, _: _are_filters(x),
        ),
        group=NETWORK,
    )
    units: int = setting(
        256, "units of each hidden linear layer", POSITIVE, group=NETWORK
    )
    dropout: float = setting(
        0.5, "dropout rate of the hidden linear layers", FRACTION, group=NETWORK
    )
    normalization: str = setting(
        "paper",
        "constants of the normalisation across channels",
        choices=("paper", "reference"),
        group=NETWORK,
    )
    initializer: str = setting(
        "he",
        "paper: standard deviation 0.01 for all kernels; he: sqrt(2 / inputs) "
        "for all kernels except the first and the last",
        choices=("he", "paper"),
        group=NETWORK,
    )
    constraint: float = setting(
        0.1,
        "largest root mean square of a filter; 0: no limit",
        NUMBER,
        group=NETWORK,
    )
    crop: int = setting(
        24,
        "height and width of the crops that the network sees, which are random "
        "and mirrored in training; 0: whole images, not mirrored",
        Rule(
            f"0, or {LEAST} or more and at most --size",
            lambda x, config: x == 0 or LEAST <= x <= config.size,
        ),
        derived="six sevenths of --size",
        group=AUGMENTATION,
    )
    momentum: float = setting(0.9, "momentum of SGD", FRACTION, group=TRAINING)
    schedule: str = setting(
        "plateau",
        "learning rate schedule; plateau: divide by 10 when the loss stops "
        "falling, measured on the validation images if there are any",
        choices=("plateau", "cosine"),
        group=TRAINING,
    )
    patience: int = setting(
        1,
        "epochs without a lower loss before plateau divides the rate",
        POSITIVE,
        group=TRAINING,
    )
    weight_decay: float = setting(
        0.0,
        "fraction of each weight subtracted per step, times the learning rate",
        NUMBER,
        group=TRAINING,
    )

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Returns the settings of parsed options, overridden by `others`."""
        size = others.get("size", options.size)
        if options.crop is None and size is not None:
            others.setdefault("crop", max(LEAST, size * 6 // 7))
        return super().from_options(options, **others)

    @property
    def seen(self) -> int:
        """Height and width of the images that the network reads."""
        return self.crop or self.size

    @property
    def filter_list(self) -> tuple[int, ...]:
        """Channels of the five convolutions."""
        return tuple(int(each) for each in self.filters.split(","))
