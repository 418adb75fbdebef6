"""Checks that each picture and its mask fit together."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from applications.common.images import (
    fit_turned,
    read_all,
    read_image,
    read_with,
)
from applications.common.problems import Problems
from applications.semantic_segmentation.mask_classes import listed, values_of
from applications.semantic_segmentation.palette import (
    read_index_png,
    read_turned_png,
)
from applications.semantic_segmentation.scenes import IGNORE, Scene

# From this EXIF orientation on, height and width are swapped.
LYING = 5


class Pair(NamedTuple):
    """A picture and its mask."""

    image: Path
    mask: Path


class Checked(NamedTuple):
    """A readable scene, and the values in its mask."""

    scene: Scene
    values: list[int]


def check_all(
    place: Path,
    pairs: Sequence[Pair],
    names: list[str] | None,
    problems: Problems,
    workers: int,
) -> list[Checked]:
    """Reads all pairs once, and keeps the good ones."""
    found = read_all(pairs, lambda pair: _check(pair, names), problems, workers)
    good = [each for _, each in found]
    if not good:
        raise ValueError(
            f"{place}: has no picture with a mask that can both be read"
        )
    return good


def _check(pair: Pair, names: list[str] | None) -> Checked:
    if not pair.image.is_file():
        raise ValueError(f"{pair.image}: there is no such picture")
    if not pair.mask.is_file():
        raise ValueError(
            f"{pair.image}: its mask {pair.mask} is missing. Add it, or remove "
            "the picture"
        )
    image, turned = read_with(
        pair.image, lambda opened: fit_turned(opened, (None, None, 3))
    )
    mask, mask_turned = read_turned_png(pair.mask)
    size = image.shape[:2]
    _check_sizes(pair, size, mask.shape, turned, mask_turned)
    values = values_of(mask)
    count = IGNORE if names is None else len(names)
    wrong = [value for value in values if count <= value != IGNORE]
    if wrong:
        raise ValueError(
            f"{pair.mask}: the values must be classes from 0 to {count - 1}, "
            f"or {IGNORE}, which is ignored. Received: {listed(wrong)}"
        )
    scene = Scene(
        str(pair.image),
        functools.partial(read_image, pair.image, (*size, 3)),
        functools.partial(read_index_png, pair.mask),
        size,
        pair,
    )
    return Checked(scene, values)


def _check_sizes(
    pair: Pair,
    size: tuple[int, ...],
    mask_size: tuple[int, ...],
    turned: int,
    mask_turned: int,
) -> None:
    """Checks that a mask has the size and orientation of its picture."""
    is_equal = mask_size == size
    # A quarter turn is visible in the sizes, unless the picture is square.
    is_known = size[0] != size[1] and (turned >= LYING) != (
        mask_turned >= LYING
    )
    if turned != mask_turned and not (is_equal and is_known):
        raise ValueError(
            f"{pair.mask}: EXIF rotates {pair.image} (orientation {turned}) "
            f"and its mask (orientation {mask_turned}) differently, so it is "
            f"unknown whether they match. Their sizes are {_words(size)} and "
            f"{_words(mask_size)}. Save both upright, without an EXIF "
            "orientation"
        )
    if not is_equal:
        raise ValueError(
            f"{pair.mask}: must have the size {_words(size)} of {pair.image}. "
            f"Received: {_words(mask_size)}"
        )


def _words(size: tuple[int, ...]) -> str:
    return f"{size[1]} x {size[0]}"
