"""Draws reconstructions of feature maps beside the image patches."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_attn.explain.drawing.overlay import to_rgb
from keras_attn.explain.drawing.plot import checked_path, drawn, written

# Between the tiles of a mosaic, in pixels.
_GAP = 2


def plot_features(
    reconstructions: Sequence[Sequence[ArrayLike]],
    patches: Sequence[Sequence[ArrayLike]],
    titles: Sequence[str] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Draws one row per feature map: its reconstructions and image patches.

    The left mosaic shows what a `keras_attn.explain.DeconvNet` reconstructs
    from the images that excite the map most. The right mosaic shows the
    matching image patches in the same order, as in figure 2 of the paper.
    Each reconstruction is stretched to the full range, with 0 at middle grey.
    Smaller patches, from the edges of images, get a white border.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), figure 2.

    Args:
        reconstructions: For each map, a list of arrays `(height, width, 3)`
            or `(height, width, 1)`, floats of any range around 0, as returned
            by `Reconstruction.crops()`.
        patches: For each map, a list of image patches, one per reconstruction
            and of the same size, as returned by
            `Reconstruction.crops(images)`. They have a form that
            `keras_attn.explain.overlay` accepts.
        titles: One string per map, written below its row. Defaults to `None`,
            for no titles.
        path: Where to write the figure, as `.png`, `.svg` or `.pdf`. The
            folder must exist. Defaults to `None`, for no file.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the numbers or sizes of reconstructions and patches
            differ, or if one of them has an invalid shape or value.
        ImportError: If matplotlib is not installed.

    Example:

    >>> model = keras_attn.applications.FERNet()
    >>> faces = np.random.default_rng(0).random((20, 48, 48, 1))
    >>> layer = "stage1_pool"
    >>> top = keras_attn.explain.top_activations(model, layer, faces)
    >>> deconvnet = keras_attn.explain.DeconvNet(model)
    >>> pictures, patches = [], []
    >>> for channel in (0, 1, 2):
    ...     best = faces[top.indices[channel]]
    ...     found = deconvnet(best, layer, channel, strongest=1)
    ...     pictures.append(found.crops())
    ...     patches.append(found.crops(best))
    >>> figure = keras_attn.explain.plot_features(pictures, patches)
    >>> len(figure.axes)
    6
    """
    counts = [[len(row) for row in side] for side in (reconstructions, patches)]
    if counts[0] != counts[1] or not counts[0] or 0 in counts[0]:
        raise ValueError(
            "There must be at least one map, with as many patches as "
            f"reconstructions. Received: {counts[0]} reconstructions and "
            f"{counts[1]} patches"
        )
    titles = [""] * len(patches) if titles is None else titles
    if isinstance(titles, str) or len(titles) != len(patches):
        raise ValueError(
            f"`titles` must be a list of {len(patches)} strings, one per map. "
            f"Received: titles={titles!r}"
        )
    path = checked_path(path)
    rows = []
    for pictures, images in zip(reconstructions, patches, strict=True):
        pictures = [_stretched(each) for each in pictures]
        images = [np.rint(to_rgb(each)).astype("uint8") for each in images]
        sizes = [[each.shape for each in side] for side in (pictures, images)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                "A patch must have the same size as its reconstruction. "
                f"Received: {sizes[0]} and {sizes[1]}"
            )
        rows.append([_mosaic(pictures), _mosaic(images)])
    names = ["reconstructions", "images"]
    return written(drawn(rows, names, titles), path)


def _stretched(picture: ArrayLike) -> np.ndarray:
    """Returns a uint8 RGB image in which 0 becomes middle grey."""
    picture = np.asarray(picture, "float64")
    if (
        picture.ndim != 3
        or picture.shape[2] not in (1, 3)
        or not picture.size
        or not np.isfinite(picture).all()
    ):
        raise ValueError(
            "A reconstruction must be an array (height, width, 3) or "
            "(height, width, 1) of finite numbers. Received: "
            f"shape={picture.shape}. A map without activations has no "
            "reconstruction"
        )
    largest = np.abs(picture).max()
    return to_rgb(0.5 + picture / max(2 * largest, 1e-30)).round().astype("u1")


def _mosaic(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Arranges pictures in a square grid, each centred in its cell."""
    side = int(np.ceil(len(pictures) ** 0.5))
    rows = -(-len(pictures) // side)
    height, width = np.max([each.shape[:2] for each in pictures], axis=0)
    whole = np.full(
        (rows * (height + _GAP) - _GAP, side * (width + _GAP) - _GAP, 3),
        255,
        "uint8",
    )
    for i, picture in enumerate(pictures):
        row, column = divmod(i, side)
        top = row * (height + _GAP) + (height - picture.shape[0]) // 2
        left = column * (width + _GAP) + (width - picture.shape[1]) // 2
        bottom, right = top + picture.shape[0], left + picture.shape[1]
        whole[top:bottom, left:right] = picture
    return whole
