"""Lays the colours of a heat map over its image."""

import numpy as np
from numpy.typing import ArrayLike

from keras_attn.checks import number
from keras_attn.explain.drawing.colormap import checked_heatmap, colorize
from keras_attn.extras import how_to_install
from keras_attn.ops.heatmaps import check_values


def overlay(
    image: ArrayLike, heatmap: ArrayLike, alpha: float = 0.5
) -> np.ndarray:
    """Lays the colours of a heat map over its image.

    `round(255 * ((1 - alpha) * image + alpha * colour))`, with both in [0, 1].
    The colours go from dark blue (0) over green and yellow to light red (1),
    and become lighter all the way, so that they can be told apart in grey.

    Args:
        image: One image of shape `(height, width, 3)`, `(height, width, 1)`
            or `(height, width)`: integers in [0, 255], or floats in [0, 1].
        heatmap: Floats in [0, 1] of shape `(height, width)`. A heat map of
            another size is resized bilinearly to the image, by Pillow.
        alpha: Float in [0, 1], the share of the colours. Defaults to `0.5`.

    Returns:
        A uint8 RGB array of shape `(height, width, 3)` in [0, 255].

    Raises:
        ValueError: If a shape, a range or a number is none of these.
        ImportError: If the sizes differ and Pillow is not installed.

    Example:

    >>> image = np.full((2, 2), 255, "uint8")
    >>> heatmap = np.array([[0.0, 0.2], [0.8, 1.0]])
    >>> drawn = keras_attn.explain.overlay(image, heatmap, alpha=0.25)
    >>> drawn.shape, drawn[0, 0].tolist()
    ((2, 2, 3), [193, 194, 208])
    """
    alpha = number("alpha", alpha, least=0, most=1)
    image = to_rgb(image)
    colors = colorize(resized(heatmap, image.shape[:2]))
    return np.rint((1 - alpha) * image + alpha * colors).astype("uint8")


def to_rgb(image: ArrayLike) -> np.ndarray:
    """Returns an image as float64 of `(height, width, 3)` in [0, 255]."""
    image = np.asarray(image)
    given = image.shape
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3) or image.size == 0:
        raise ValueError(
            "`image` must be one image (height, width, 3), (height, width, 1) "
            f"or (height, width). Received: shape={given}. For a batch, call "
            "it for each image; channels go last."
        )
    whole = image.dtype.kind in "iu"
    top = 255 if whole else 1
    image = check_values(
        f"`image` of {'integers' if whole else 'floats'}",
        image,
        top,
        fix="Pass the image before the preprocessing of the model, and floats "
        "in [0, 255] divided by 255.",
    )
    image = image.astype("float64") * (255 / top)
    return np.broadcast_to(image, (*image.shape[:2], 3))


def resized(heatmap: ArrayLike, size: tuple[int, int]) -> np.ndarray:
    """Returns a heat map of `size`, which is a height and a width."""
    heatmap = checked_heatmap(heatmap)
    if heatmap.shape == size:
        return heatmap
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "To resize a heat map needs Pillow. Received: a heat map of "
            f"{heatmap.shape} for an image of {size}. Install it: "
            f"{how_to_install('images')}"
        ) from error
    small = Image.fromarray(heatmap.astype("float32"))
    large = small.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    # Rounding can leave the range by a little.
    return np.clip(np.asarray(large, "float64"), 0, 1)
