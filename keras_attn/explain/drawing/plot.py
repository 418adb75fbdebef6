"""Draws images beside their heatmaps."""

import os
import pathlib
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_attn.explain.drawing.colormap import colorize
from keras_attn.explain.drawing.overlay import overlay, resized, to_rgb
from keras_attn.extras import how_to_install

SUFFIXES = (".png", ".svg", ".pdf")
# Width of a panel, gap between panels, and height of a text line, in inches.
SIDE, GAP, LINE = 2.2, 0.08, 0.18
# Font size, and characters per inch (fewer if they are capitals).
POINTS, CHARACTERS = 9, 10


def plot(
    images: Iterable[ArrayLike],
    heatmaps: Iterable[ArrayLike] | Mapping[str, Any],
    titles: Sequence[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    alpha: float = 0.5,
) -> Any:
    """Draws one row per image: the image, its heatmap, and their overlay.

    The colours are those of `overlay`, from 0 to 1 for all heatmaps. The
    function does not use pyplot, so it shows no window and changes no global
    state.

    Args:
        images: `n` images in a form that `overlay` accepts: integers in
            [0, 255], or floats in [0, 1]. An array
            `(n, height, width, channels)`, or a list, whose images may have
            different sizes.
        heatmaps: `n` heatmaps in [0, 1], as an array `(n, height, width)` or
            as a list. Alternatively, a mapping from method names to such
            heatmaps; each row then shows the image and one overlay per method.
        titles: `n` strings, such as the class and its probability, written
            below the rows. Defaults to `None`, for no titles.
        path: Where to write the figure, as `.png`, `.svg` or `.pdf`. The
            folder must exist. Defaults to `None`, for no file.
        alpha: Float in [0, 1], the opacity of the colours in the overlays.
            Defaults to `0.5`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the numbers of images, heatmaps and titles differ, if
            `overlay` rejects an image or a heatmap, or if `path` is invalid.
        ImportError: If matplotlib is not installed.

    Example:

    >>> images = np.zeros((2, 32, 32, 3), "uint8")
    >>> heatmaps = np.full((2, 32, 32), 0.5)
    >>> titles = ["tabby 0.912", "bull mastiff 0.997"]
    >>> figure = keras_attn.explain.plot(images, heatmaps, titles)
    >>> len(figure.axes)
    6
    """
    images = list(images)
    by_method = isinstance(heatmaps, Mapping)
    methods = heatmaps if by_method else {"overlay": heatmaps}
    methods = {str(name): list(maps) for name, maps in methods.items()}
    counts = {name: len(maps) for name, maps in methods.items()}
    if not images or set(counts.values()) != {len(images)}:
        raise ValueError(
            "`images` must not be empty, and `heatmaps` must hold one heatmap "
            f"per image and method. Received: {len(images)} images, heatmaps: "
            f"{counts if by_method else counts['overlay']}"
        )
    titles = [""] * len(images) if titles is None else titles
    if isinstance(titles, str) or len(titles) != len(images):
        raise ValueError(
            f"`titles` must be a list of {len(images)} strings, one per "
            f"image. Received: titles={titles!r}"
        )
    path = checked_path(path)
    names, rows = ["image", *([] if by_method else ["heatmap"]), *methods], []
    for image, *maps in zip(images, *methods.values(), strict=True):
        panels = [np.rint(to_rgb(image)).astype("uint8")]
        if not by_method:
            panels.append(colorize(resized(maps[0], panels[0].shape[:2])))
        rows.append(panels + [overlay(image, each, alpha) for each in maps])
    return written(drawn(rows, names, titles), path)


def checked_path(path: str | os.PathLike[str] | None) -> pathlib.Path | None:
    """Returns where to write a figure, checked before any work is done."""
    path = None if path is None else pathlib.Path(path)
    if path and not (path.suffix.lower() in SUFFIXES and path.parent.is_dir()):
        raise ValueError(
            f"`path` must end in one of {SUFFIXES}, and its folder must exist. "
            f"Received: path='{path}'. Create the folder first."
        )
    return path


def written(figure: Any, path: pathlib.Path | None) -> Any:
    """Writes a figure atomically if a path is given, and returns it."""
    if path is not None:
        # A rename is atomic only within one file system.
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            partial = pathlib.Path(folder, path.name)
            figure.savefig(partial)
            os.replace(partial, path)
    return figure


def drawn(rows: list, names: list[str], titles: Sequence[str]) -> Any:
    """Lays out a figure in inches, without overlaps or empty space."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"`plot` requires matplotlib. Run {how_to_install('images')}"
        ) from error
    width = GAP + len(names) * (SIDE + GAP)
    heads = [_lines(name, SIDE) for name in names]
    texts = [_lines(title, width - 2 * GAP) for title in titles]
    # A tall image is drawn narrower, in a panel of limited height.
    shapes = [panels[0].shape for panels in rows]
    heights = [SIDE * min(h / w, 1.5) for h, w, _ in shapes]
    top = GAP + LINE * max(map(len, heads))
    below = [GAP + (LINE * len(lines) + GAP) * bool(lines) for lines in texts]
    height = top + sum(heights) + sum(below)
    # Missing from matplotlib's type annotations.
    layout: Any = "none"
    figure = Figure((width, height), dpi=200, layout=layout)

    def write(lines: list[str], x: float, y: float, **kwargs: Any) -> None:
        text = "\n".join(lines)
        kwargs = {"fontsize": POINTS, "parse_math": False, **kwargs}
        figure.text(x / width, 1 - y / height, text, **kwargs)

    lefts = [GAP + column * (SIDE + GAP) for column in range(len(names))]
    for lines, left in zip(heads, lefts, strict=True):
        write(lines, left + SIDE / 2, top - GAP / 2, ha="center", va="bottom")
    y = top
    for panels, tall, lines, skip in zip(
        rows, heights, texts, below, strict=True
    ):
        y += tall
        for panel, left in zip(panels, lefts, strict=True):
            corner = left / width, 1 - y / height
            axes = figure.add_axes((*corner, SIDE / width, tall / height))
            axes.imshow(panel)
            axes.set_axis_off()
        write(lines, GAP, y + GAP / 2, ha="left", va="top")
        y += skip
    return figure


def _lines(text: str, inches: float) -> list[str]:
    return textwrap.wrap(str(text), int(inches * CHARACTERS))
