"""Draws the filters of a first layer, as in figure 6 of the paper."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from applications.common import files
from applications.common.extras import optional

# In inches: the side of a filter, the gaps between filters and between
# kernels, the number below a filter, a line of a title, and the least width of
# a title.
SIDE, GAP, BETWEEN, NUMBER, LINE, LEAST = 0.5, 0.08, 0.4, 0.12, 0.18, 3.6
# Font size of titles in points, and their characters per inch.
POINTS, CHARACTERS = 9, 11


def draw_filters(
    kernel: ArrayLike,
    path: Path,
    title: str = "filters",
    beside: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Draws each filter as a small picture, with its RMS below.

    Each filter is stretched to the whole range of grey or colours, so that
    its shape is visible whatever its magnitude. The number below is the
    magnitude, the root mean square of the weights. The filters are in the
    order of the feature maps, row by row.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014 (https://arxiv.org/abs/1311.2901), figure 6 and
    section 3, which keeps the RMS at 0.1 or below.

    Args:
        kernel: Kernel `(height, width, channels, filters)` with one channel,
            or with red, green and blue.
        path: File of the drawing: .png, .svg or .pdf.
        title: Title above the filters.
        beside: Titles and kernels to draw to the right of the first.

    Raises:
        ValueError: If a kernel has another shape or is not finite.
    """
    figure_module = optional("matplotlib.figure", "images")
    panels = [(title, kernel), *(beside or {}).items()]
    drawings = [_Panel(name, np.asarray(each)) for name, each in panels]
    width = 2 * GAP - BETWEEN + sum(each.width + BETWEEN for each in drawings)
    head = LINE * max(len(each.lines) for each in drawings) + GAP
    height = head + max(each.height for each in drawings) + GAP
    figure = figure_module.Figure((width, height), dpi=200, layout="none")
    # One axes whose unit is an inch, so that nothing can overlap.
    axes = figure.add_axes((0, 0, 1, 1))
    left = GAP
    for each in drawings:
        each.draw(axes, left, head)
        left += each.width + BETWEEN
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    axes.set_axis_off()
    with files.replacing(path) as partial:
        figure.savefig(partial)


def rms(kernel: ArrayLike) -> np.ndarray:
    """Returns the root mean square of each filter, float64."""
    kernel = _checked(np.asarray(kernel))
    return np.sqrt(np.mean(np.square(kernel), axis=(0, 1, 2)))


def scaled(kernel: ArrayLike) -> np.ndarray:
    """Stretches each filter to [0, 255], jointly over its channels.

    Args:
        kernel: Kernel `(height, width, channels, filters)`.

    Returns:
        RGB pictures, uint8 `(filters, height, width, 3)`. A filter with equal
        weights becomes a middle grey.
    """
    pictures = np.moveaxis(_checked(np.asarray(kernel)), -1, 0)
    low = pictures.min(axis=(1, 2, 3), keepdims=True)
    range_ = pictures.max(axis=(1, 2, 3), keepdims=True) - low
    flat = range_ == 0
    shares = np.where(flat, 0.5, (pictures - low) / np.where(flat, 1, range_))
    whole = np.rint(255 * shares).astype("uint8")
    return np.broadcast_to(whole, (*whole.shape[:3], 3))


def _checked(kernel: np.ndarray) -> np.ndarray:
    if (
        kernel.ndim != 4
        or kernel.shape[2] not in (1, 3)
        or not kernel.size
        or kernel.dtype.kind not in "fiu"
        or not np.isfinite(kernel).all()
    ):
        raise ValueError(
            "a kernel must be (height, width, channels, filters) with finite "
            "numbers and 1 or 3 channels. Received: "
            f"{kernel.dtype} {kernel.shape}. Pass the kernel of the first "
            "convolution"
        )
    return kernel.astype("float64")


class _Panel:
    """The filters of one kernel, with their layout in inches."""

    def __init__(self, title: str, kernel: np.ndarray):
        self.pictures = scaled(kernel)
        self.numbers = rms(kernel)
        count = len(self.numbers)
        # 12 per row for the 96 filters of the paper.
        self.columns = int(np.ceil((1.5 * count) ** 0.5))
        rows = -(-count // self.columns)
        self.width = max(self.columns * (SIDE + GAP) - GAP, LEAST)
        self.height = rows * (SIDE + NUMBER + GAP)
        low, middle, high = np.quantile(self.numbers, (0, 0.5, 1))
        text = f"RMS {low:.2g} to {high:.2g}, median {middle:.2g}"
        fitting = int(CHARACTERS * self.width)
        self.lines = [*textwrap.wrap(title, fitting), text]

    def draw(self, axes, left, top):
        """Draws the filters from a place on, with the title above."""
        axes.text(
            left,
            top - GAP / 2,
            "\n".join(self.lines),
            fontsize=POINTS,
            va="bottom",
            parse_math=False,
        )
        for index, (picture, number) in enumerate(
            zip(self.pictures, self.numbers, strict=True)
        ):
            row, column = divmod(index, self.columns)
            x = left + column * (SIDE + GAP)
            y = top + row * (SIDE + NUMBER + GAP)
            extent = (x, x + SIDE, y + SIDE, y)
            axes.imshow(picture, extent=extent, interpolation="nearest")
            axes.text(
                x + SIDE / 2,
                y + SIDE + NUMBER / 2,
                f"{number:.2g}",
                fontsize=5.5,
                ha="center",
                va="center",
            )
