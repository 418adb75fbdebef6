"""Writes files with pictures and masks of a few pixels."""

import numpy as np
from PIL import Image

from applications.common.problems import Problems
from applications.semantic_segmentation.folders import (
    read_folder,
)
from applications.semantic_segmentation.palette import (
    voc_colormap,
    write_index_png,
)


def draw(root, name, values=(0, 1), ending="png", size=(5, 7)):
    """Writes a picture and its mask; the values are in the first row."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(name.encode()))
    image = rng.integers(0, 256, (*size, 3), "uint8")
    Image.fromarray(image).save(root / "images" / f"{name}.{ending}")
    mask = np.zeros(size, "uint8")
    mask[0, : len(values)] = values
    write_index_png(root / "masks" / f"{name}.png", mask, voc_colormap())
    return image, mask


def turn(path, number):
    """Writes an EXIF orientation into a file."""
    exif = Image.Exif()
    exif[0x0112] = number
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=exif)


def read(root, problems=None, seed=0, workers=2):
    return read_folder(root, problems or Problems(), seed, workers)


def sources(part):
    return [each.source.rpartition("/")[2] for each in part]
