"""Reads, writes and shows index images."""

from pathlib import Path
from typing import Any

import numpy as np

from applications.common import files
from applications.common.extras import optional
from applications.common.images import read_with
from applications.common.pixels import Unsuitable, check_frames, orientation
from applications.semantic_segmentation.scenes import IGNORE, check_sizes

# Modes of Pillow with indices: palette, grey, black and white.
MODES = ("P", "L", "1")


def voc_colormap(n: int = 256) -> np.ndarray:
    """Returns the colours of Pascal VOC, uint8 `(n, 3)`.

    Bits 0, 3 and 6 of an index are the highest bits of red, bits 1, 4 and 7
    those of green, and bits 2 and 5 those of blue.
    """
    indices = np.arange(n)
    colours = np.zeros((n, 3), "uint8")
    for channel in range(3):
        for place in range(3):
            bit = indices >> (3 * place + channel) & 1
            colours[:, channel] |= (bit << (7 - place)).astype("uint8")
    return colours


def read_index_png(path: Path) -> np.ndarray:
    """Reads the indices of a mask, never its colours.

    Raises:
        ValueError: If the file is not a PNG with 8-bit indices.
    """
    mask, _ = read_turned_png(path)
    return mask


def read_turned_png(path: Path) -> tuple[np.ndarray, int]:
    """Returns a mask and its EXIF orientation; see `orientation`."""
    return read_with(path, _indices)


def _indices(image: Any) -> tuple[np.ndarray, int]:
    if image.format != "PNG":
        raise Unsuitable(
            f"masks must be PNG files. Received: {image.format} content, "
            "whatever the name. Convert the file, or the original of a JPEG, "
            "which changes the values"
        )
    check_frames(image)
    if image.mode.startswith("I"):
        raise Unsuitable(
            "masks must have 8 bits. Received: 16 bits or more. Save the mask "
            "as uint8"
        )
    if image.mode not in MODES:
        raise Unsuitable(
            "masks must be index images, with a palette or in grey, where the "
            f"value is the class. Received: {image.mode}. Replace each colour "
            "by the index of its class, and save a single channel"
        )
    # Pillow scales grey values of 2 and 4 bits, so that white is 255.
    factors = {"L;2": 85, "L;4": 17}
    factor = factors.get(image.tile[0][3], 1)
    turned = orientation(image)
    upright = optional("PIL.ImageOps", "images").exif_transpose(image)
    return np.array(upright).astype("uint8") // factor, turned


def write_index_png(path: Path, mask: np.ndarray, palette: np.ndarray) -> None:
    """Writes a mask that other programs show in the colours of the classes.

    Args:
        path: File to write or to replace.
        mask: Indices, uint8 `(height, width)`.
        palette: Colours of the first indices; the others are those of VOC.
    """
    if mask.dtype != "uint8" or mask.ndim != 2:
        raise ValueError(
            f"{path}: a mask must be uint8 (height, width). Received: "
            f"{mask.dtype} {mask.shape}"
        )
    # All 256 colours: with fewer, Pillow writes and truncates to fewer bits.
    colours = voc_colormap()
    colours[: len(palette)] = palette
    image = optional("PIL.Image", "images").fromarray(mask)
    image.putpalette(colours.tobytes())
    with files.replacing(path) as partial:
        image.save(partial, format="PNG")


def overlay(
    image: np.ndarray,
    mask: np.ndarray,
    palette: np.ndarray,
    alpha: float = 0.5,
) -> np.ndarray:
    """Blends the colours of the classes into a picture, uint8.

    `(1 - alpha) * picture + alpha * colour`, or the unchanged picture where
    the mask is `IGNORE`.
    """
    check_sizes(image, mask)
    known = mask != IGNORE
    largest = int(mask[known].max(initial=0))
    if largest >= len(palette):
        raise ValueError(
            "each class must have a colour. Received: a mask with the value "
            f"{largest}, and a palette of {len(palette)}"
        )
    mixed = (1 - alpha) * image[known] + alpha * palette[mask[known]]
    result = image.copy()
    result[known] = np.round(mixed).astype("uint8")
    return result
