"""Blocks in plain PyTorch, as published: each beside the tests of ours."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock


@dataclass(frozen=True)
class Twin:
    """What a block is measured against.

    Args:
        make: A function that imports PyTorch and returns a class, which is
            called with the channels, the side of the map and the arguments.
        suffix: What is added to the name of the block, if it has several.
        arguments: A function of the side, to arguments of both.
        most_channels: How many are not too many to measure, if it matters.
    """

    make: Callable
    suffix: str = ""
    arguments: Callable = lambda size: {}
    most_channels: float = float("inf")


def twins():
    """Returns classes of layers and their twins, by what tables call them."""
    import keras  # noqa: F401 - a backend reads its environment once

    # Not the full precision in which `tests` has a GPU compute.
    with mock.patch.dict(os.environ):
        from tests.cases.layers import BLOCKS

    return {
        each.CASES[0].cls.__name__ + twin.suffix: (each.CASES[0].cls, twin)
        for each in BLOCKS
        for twin in getattr(each, "TWINS", ())
    }
