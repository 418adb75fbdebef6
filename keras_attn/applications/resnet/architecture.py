"""Describes and checks the architecture of a ResNet."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import keras

from keras_attn import checks


class Kernel(NamedTuple):
    """A convolution in the branch of a residual block."""

    size: int
    strides: int
    filters: int
    groups: int = 1


@dataclasses.dataclass
class Architecture:
    """The architecture of a ResNet.

    Attributes:
        blocks: Number of blocks in each stage.
        bottleneck: Whether blocks have 1x1, 3x3 and 1x1 convolutions, for all
            stages or for each.
        filters: Filters of the 3x3 convolutions in each stage.
        side: Default height and width of an image.
        kernel_size: Kernel size of the first convolution in a plain stem. Its
            stride is 2 if it is 7.

    The others are arguments of `ResNet`.
    """

    blocks: Sequence[int]
    bottleneck: bool | Sequence[bool]
    filters: Sequence[int]
    head: str
    stem: str = "plain"
    stem_width: int = 32
    stem_pooling: str | None = "max"
    shortcut: str = "convolution"
    groups: int = 1
    width_per_group: int = 64
    stride_in: str = "3x3"
    last_stride: int = 2
    downsampling: str = "stride"
    normalization: str = "batch"
    activation: str = "relu"
    side: int = 224
    kernel_size: int = 7

    def __post_init__(self) -> None:
        self.blocks = _integers("blocks", self.blocks)
        self.filters = _integers("filters", self.filters)
        stages = len(self.blocks)
        if len(self.filters) != stages:
            raise ValueError(
                "`filters` must have as many entries as `blocks`. "
                f"Received: filters={self.filters}, blocks={self.blocks}"
            )
        bottleneck = self.bottleneck
        if isinstance(bottleneck, bool):
            bottleneck = (bottleneck,) * stages
        if not isinstance(bottleneck, Sequence) or len(bottleneck) != stages:
            raise ValueError(
                "`bottleneck` must be a boolean, or a list with one entry for "
                f"each of the {stages} stages. "
                f"Received: bottleneck={bottleneck!r}"
            )
        self._bottlenecks = tuple(map(bool, bottleneck))
        for name, allowed in _ALLOWED.items():
            checks.one_of(name, getattr(self, name), allowed)
        # A tiered stem starts with three quarters of the width.
        least = 4 if self.stem == "tiered" else 1
        checks.integer("stem_width", self.stem_width, least)
        checks.positive("groups", self.groups)
        checks.positive("width_per_group", self.width_per_group)
        if checks.positive("last_stride", self.last_stride) > 2:
            raise ValueError(
                "`last_stride` must be 1 or 2. "
                f"Received: last_stride={self.last_stride!r}"
            )
        # Raises an error for names that Keras does not know.
        keras.activations.get(self.activation)
        self._check_combinations()

    def _check_combinations(self) -> None:
        usual = (1, 64, "3x3")
        found = self.groups, self.width_per_group, self.stride_in
        if found != usual and not all(self._bottlenecks):
            raise ValueError(
                "`groups`, `width_per_group` and `stride_in` must have their "
                "defaults for blocks of two 3x3 convolutions. "
                f"Received: groups={self.groups}, "
                f"width_per_group={self.width_per_group}, "
                f"stride_in={self.stride_in!r}, bottleneck={self.bottleneck!r}"
            )
        if self.stem_pooling in ("caffe", "convolution") and (
            self.downsampling in ("average", "blur")
        ):
            raise ValueError(
                "`downsampling` must not be 'average' or 'blur' if "
                "`stem_pooling` is 'caffe' or 'convolution'. "
                f"Received: downsampling={self.downsampling!r}, "
                f"stem_pooling={self.stem_pooling!r}"
            )
        if self.stem_pooling == "caffe" and self.activation != "relu":
            raise ValueError(
                "`activation` must be 'relu' if `stem_pooling='caffe'`, which "
                "pads with zeros. "
                f"Received: activation={self.activation!r}"
            )
        if min(map(self._width, self.filters)) < 1:
            raise ValueError(
                "`width_per_group` must be at least 64 divided by the smallest "
                f"entry of `filters`. Received: filters={self.filters}, "
                f"width_per_group={self.width_per_group}"
            )

    def stride_of(self, stage: int) -> int:
        """Returns the stride of a stage, counted from 1."""
        if stage == 1:
            return 1
        return self.last_stride if stage == len(self.blocks) else 2

    def outputs_of(self, stage: int) -> int:
        """Returns the number of channels at the end of a stage."""
        return self.filters[stage - 1] * (
            4 if self._bottlenecks[stage - 1] else 1
        )

    def branch_of(self, stage: int, strides: int) -> list[Kernel]:
        """Returns the convolutions in the branch of a block."""
        filters, outputs = self.filters[stage - 1], self.outputs_of(stage)
        if not self._bottlenecks[stage - 1]:
            return [Kernel(3, strides, filters), Kernel(3, 1, outputs)]
        first, second = strides, 1
        if self.stride_in == "3x3":
            first, second = second, first
        width = self._width(filters) * self.groups
        return [
            Kernel(1, first, width),
            Kernel(3, second, width, self.groups),
            Kernel(1, 1, outputs),
        ]

    def stem_convolutions(self) -> list[Kernel]:
        """Returns the convolutions of the stem before its pooling."""
        width, size = self.stem_width, self.kernel_size
        if self.stem == "plain":
            return [Kernel(size, 2 if size == 7 else 1, 2 * width)]
        first = 3 * (width // 4) if self.stem == "tiered" else width
        return [
            Kernel(3, 2, first),
            Kernel(3, 1, width),
            Kernel(3, 1, 2 * width),
        ]

    def _width(self, filters: int) -> int:
        """Returns the number of filters of a 3x3 convolution per group."""
        return int(filters * self.width_per_group / 64)


_ALLOWED = {
    "head": ("average", "covariance"),
    "stem": ("plain", "deep", "tiered"),
    "stem_pooling": ("max", "caffe", "convolution", None),
    "shortcut": ("convolution", "average"),
    "stride_in": ("3x3", "1x1"),
    "downsampling": (
        "stride",
        "average",
        "average_3x3",
        "average_3x3_first",
        "blur",
    ),
    "normalization": ("batch", "group"),
}


def _integers(name: str, values: Sequence[int]) -> tuple[int, ...]:
    """Returns an argument that must be a sequence of positive integers."""
    if not isinstance(values, (list, tuple)) or not values:
        raise ValueError(
            f"`{name}` must be a list with one positive integer per stage. "
            f"Received: {name}={values!r}"
        )
    return tuple(checks.positive(name, value) for value in values)
