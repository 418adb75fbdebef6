"""Reads photographs as squares of one size."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from applications.common.extras import optional
from applications.common.images import read_pictures
from applications.common.problems import Problems

# All are free and in the package itself, so no download is needed.
SHIPPED = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "rocket.jpg",
)


def shipped() -> list[Path]:
    """Returns the files of the photographs that scikit-image ships."""
    folder = Path(optional("skimage.data", "demo").__file__).parent
    return [folder / name for name in SHIPPED]


def read_photographs(
    paths: Sequence[Path], size: int, problems: Problems
) -> tuple[np.ndarray, list[str]]:
    """Reads files as squares.

    Args:
        paths: Image files of any size, grey or in colour.
        size: Height and width of the squares, in pixels.
        problems: Collects files that cannot be read.

    Returns:
        RGB images, uint8 `(n, size, size, 3)`, and the names of their files.
    """
    images, names = [], []
    for path, image in read_pictures(paths, problems):
        images.append(square(image, size))
        names.append(path.stem)
    return np.array(images, "uint8"), names


def square(image: np.ndarray, size: int) -> np.ndarray:
    """Crops the largest square at the centre and resizes it.

    Args:
        image: RGB image, uint8 `(height, width, 3)`.
        size: Height and width of the square, in pixels.
    """
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = image[top : top + side, left : left + side]
    if side == size:
        return cut
    image_module = optional("PIL.Image", "images")
    # Pillow widens the filter when it reduces, so that thin lines are kept.
    kind = image_module.Resampling.BICUBIC
    picture = image_module.fromarray(np.ascontiguousarray(cut))
    return np.asarray(picture.resize((size, size), kind))
