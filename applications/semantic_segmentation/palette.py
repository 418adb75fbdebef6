"""Index images: their colours, how they are read, written and shown."""

from pathlib import Path
from typing import Any

import numpy as np

from applications.common import files
from applications.common.extras import optional
from applications.common.images import read_with
from applications.common.pixels import Unsuitable, check_frames, orientation
from applications.semantic_segmentation.scenes import IGNORE, check_sizes

# Of Pillow: with a palette, grey, black and white. Others have no indices.
MODES = ("P", "L", "1")


def voc_colormap(n: int = 256) -> np.ndarray:
    """Returns the colours of Pascal VOC, uint8 `(n, 3)`.

    Bits 0, 3 and 6 of an index are the highest bits of red, bits 1, 4 and 7
    those of green, bits 2 and 5 those of blue.
    """
    indices = np.arange(n)
    colours = np.zeros((n, 3), "uint8")
    for channel in range(3):
        for place in range(3):
            bit = indices >> (3 * place + channel) & 1
            colours[:, channel] |= (bit << (7 - place)).astype("uint8")
    return colours


def read_index_png(path: Path) -> np.ndarray:
    """Reads a mask: the indices of the pixels, never their colours.

    Raises:
        ValueError: If it is not a PNG, or one without 8-bit indices.
    """
    mask, _ = read_turned_png(path)
    return mask


def read_turned_png(path: Path) -> tuple[np.ndarray, int]:
    """Returns a mask, and how EXIF has turned it; see `orientation`."""
    return read_with(path, _indices)


def _indices(image: Any) -> tuple[np.ndarray, int]:
    if image.format != "PNG":
        raise Unsuitable(
            f"masks must be PNG, and this one is {image.format}, whatever its "
            "name. Convert it, or, as JPEG changes the values, its original"
        )
    check_frames(image)
    if image.mode.startswith("I"):
        raise Unsuitable(
            "masks must have 8 bits, and this one has 16 or more: save it as "
            "uint8"
        )
    if image.mode not in MODES:
        raise Unsuitable(
            "masks must be index images (a palette, or grey, where the value "
            f"is the class), and this one is {image.mode}: replace each colour "
            "by the index of its class, and save a single channel"
        )
    # Pillow multiplies grey values of 2 and 4 bits, so that white is 255.
    factors = {"L;2": 85, "L;4": 17}
    factor = factors.get(image.tile[0][3], 1)
    turned = orientation(image)
    upright = optional("PIL.ImageOps", "images").exif_transpose(image)
    return np.array(upright).astype("uint8") // factor, turned


def write_index_png(path: Path, mask: np.ndarray, palette: np.ndarray) -> None:
    """Writes a mask that other programs show in the colours of its classes.

    Args:
        path: File to write or to replace.
        mask: Indices, uint8 `(height, width)`.
        palette: Colours of the first indices; the others are those of VOC.
    """
    if mask.dtype != "uint8" or mask.ndim != 2:
        raise ValueError(
            f"{path}: a mask must be uint8 (height, width); it is "
            f"{mask.dtype} {mask.shape}"
        )
    # All 256: with fewer, Pillow writes fewer bits and cuts off the rest.
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
    """Lays the colours of the classes over a picture, uint8.

    `(1 - alpha) * picture + alpha * colour`, and the picture itself where
    the mask is `IGNORE`.
    """
    check_sizes(image, mask)
    known = mask != IGNORE
    largest = int(mask[known].max(initial=0))
    if largest >= len(palette):
        raise ValueError(
            "each class needs a colour. Received: a mask with the value "
            f"{largest}, and a palette of {len(palette)}"
        )
    mixed = (1 - alpha) * image[known] + alpha * palette[mask[known]]
    result = image.copy()
    result[known] = np.round(mixed).astype("uint8")
    return result
