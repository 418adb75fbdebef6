"""Pictures and their masks: whether the two of a pair fit each other."""

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

# From this orientation of EXIF on, height and width change places.
LYING = 5


class Pair(NamedTuple):
    """A picture and its mask."""

    image: Path
    mask: Path


class Checked(NamedTuple):
    """A scene that can be read, and the values in its mask."""

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
            f"{place}: has no picture with a mask, of which both are good"
        )
    return good


def _check(pair: Pair, names: list[str] | None) -> Checked:
    if not pair.image.is_file():
        raise ValueError(f"{pair.image}: there is no such picture")
    if not pair.mask.is_file():
        raise ValueError(
            f"{pair.image}: its mask {pair.mask} is missing: add it, or take "
            "the picture out"
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
            f"{pair.mask}: the values must be 0 to {count - 1}, the classes, "
            f"or {IGNORE}, which is not counted; there are {listed(wrong)}"
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
    """Checks that a mask lies as its picture does, both as EXIF turns them."""
    is_equal = mask_size == size
    # A quarter of a turn shows in the sizes, unless the picture is square.
    is_known = size[0] != size[1] and (turned >= LYING) != (
        mask_turned >= LYING
    )
    if turned != mask_turned and not (is_equal and is_known):
        raise ValueError(
            f"{pair.mask}: EXIF turns {pair.image} (orientation {turned}) and "
            f"its mask (orientation {mask_turned}) differently, so that it is "
            f"unknown whether they fit; their sizes are {_words(size)} and "
            f"{_words(mask_size)}. Save both upright, and without an "
            "orientation in EXIF"
        )
    if not is_equal:
        raise ValueError(
            f"{pair.mask}: its size is {_words(mask_size)}, and that of "
            f"{pair.image} {_words(size)}: they must be the same"
        )


def _words(size: tuple[int, ...]) -> str:
    return f"{size[1]} x {size[0]}"
