"""The published blocks in plain PyTorch, from the test files of ours."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock


@dataclass(frozen=True)
class Twin:
    """A plain PyTorch block that ours is measured against.

    Args:
        make: Function that imports PyTorch and returns a class. The class takes
            the channels, the side of the map and the arguments.
        suffix: Appended to the name of the block if it has several twins.
        arguments: Function of the side that returns arguments for both blocks.
        most_channels: Largest number of channels to measure.
    """

    make: Callable
    suffix: str = ""
    arguments: Callable = lambda size: {}
    most_channels: float = float("inf")


def twins():
    """Returns pairs of a layer class and its twin, by their name in tables."""
    import keras  # noqa: F401 - backends read the environment once

    # Importing `tests` would set full precision on a GPU.
    with mock.patch.dict(os.environ):
        from tests.cases.layers import BLOCKS

    return {
        each.CASES[0].cls.__name__ + twin.suffix: (each.CASES[0].cls, twin)
        for each in BLOCKS
        for twin in getattr(each, "TWINS", ())
    }
