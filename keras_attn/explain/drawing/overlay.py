"""Overlays a heatmap on its image."""

import numpy as np
from numpy.typing import ArrayLike

from keras_attn.checks import number
from keras_attn.explain.drawing.colormap import checked_heatmap, colorize
from keras_attn.extras import how_to_install
from keras_attn.ops.heatmaps import check_values


def overlay(
    image: ArrayLike, heatmap: ArrayLike, alpha: float = 0.5
) -> np.ndarray:
    """Overlays a heatmap on its image.

    Computes `round(255 * ((1 - alpha) * image + alpha * colour))`, with both
    in [0, 1]. The colours run from dark blue (0) through green and yellow to
    light red (1). Lightness increases throughout, so the order of the colours
    remains visible in greyscale.

    Args:
        image: One image of shape `(height, width, 3)`, `(height, width, 1)`
            or `(height, width)`: integers in [0, 255], or floats in [0, 1].
        heatmap: Floats in [0, 1] of shape `(height, width)`. Pillow resizes a
            heatmap of another size to the image (bilinear).
        alpha: Float in [0, 1], the opacity of the colours. Defaults to `0.5`.

    Returns:
        A uint8 RGB array of shape `(height, width, 3)` in [0, 255].

    Raises:
        ValueError: If an argument has an invalid shape, range or value.
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
    """Returns an image as float64 `(height, width, 3)` in [0, 255]."""
    image = np.asarray(image)
    given = image.shape
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3) or image.size == 0:
        raise ValueError(
            "`image` must be a single image of shape (height, width, 3), "
            f"(height, width, 1) or (height, width). Received: shape={given}. "
            "For a batch, call this once per image, with channels last."
        )
    whole = image.dtype.kind in "iu"
    top = 255 if whole else 1
    image = check_values(
        f"`image` of {'integers' if whole else 'floats'}",
        image,
        top,
        fix="Pass the image before preprocessing, and divide floats in "
        "[0, 255] by 255.",
    )
    image = image.astype("float64") * (255 / top)
    return np.broadcast_to(image, (*image.shape[:2], 3))


def resized(heatmap: ArrayLike, size: tuple[int, int]) -> np.ndarray:
    """Resizes a heatmap to `size`, a height and a width."""
    heatmap = checked_heatmap(heatmap)
    if heatmap.shape == size:
        return heatmap
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Resizing a heatmap requires Pillow. Received: a heatmap of "
            f"shape {heatmap.shape} for an image of {size}. Install it with: "
            f"{how_to_install('images')}"
        ) from error
    small = Image.fromarray(heatmap.astype("float32"))
    large = small.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    # Rounding can leave the range slightly.
    return np.clip(np.asarray(large, "float64"), 0, 1)
