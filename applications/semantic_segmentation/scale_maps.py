"""Computes and draws the weight of each scale at each place of a picture."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from applications.common import files
from applications.common.extras import optional
from applications.semantic_segmentation.model import Loaded
from applications.semantic_segmentation.palette import overlay
from applications.semantic_segmentation.predict import predict_mask
from applications.semantic_segmentation.views import preprocess
from keras_attn import explain


@dataclasses.dataclass(frozen=True)
class ScaleMaps:
    """Predicted classes of a picture, and the weights of the scales.

    Attributes:
        mask: Class of each pixel, uint8 `(height, width)`.
        weights: `(rows, columns, scales)` at an eighth of the size of the
            picture. They sum to 1 over the scales.
    """

    mask: np.ndarray
    weights: np.ndarray


def scale_maps(loaded: Loaded, image: np.ndarray) -> ScaleMaps:
    """Computes the maps for a picture, uint8 `(height, width, 3)`."""
    if len(loaded.config.scale_list) == 1:
        raise ValueError(
            f"{loaded.path}: the network must have several scales to weigh. "
            "Received: one scale. Train a network with --scales 1,0.75,0.5"
        )
    ready = preprocess(image[None], loaded.data_format)
    weights = explain.attention_maps(loaded.model, ready)["attention"][0]
    return ScaleMaps(predict_mask(loaded, image), weights)


def draw(
    loaded: Loaded,
    pictures: Mapping[str, np.ndarray],
    found: Mapping[str, ScaleMaps],
    path: Path,
) -> None:
    """Draws one row per picture: the picture, its classes and the weights."""
    figure_module = optional("matplotlib.figure", "images")
    scales = loaded.config.scale_list
    first = next(iter(pictures.values()))
    width = 2.6 * (2 + len(scales))
    height = 2.6 * first.shape[0] / first.shape[1] * len(pictures) + 1.0
    figure = figure_module.Figure((width, height), layout="constrained")
    grid = figure.subplots(len(pictures), 2 + len(scales), squeeze=False)
    for row, (source, image) in zip(grid, pictures.items(), strict=True):
        maps = found[source]
        row[0].imshow(image)
        row[1].imshow(overlay(image, maps.mask, loaded.palette, 0.65))
        extent = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)
        for index, axes in enumerate(row[2:]):
            drawn = axes.imshow(
                maps.weights[..., index],
                cmap="viridis",
                vmin=0,
                vmax=1,
                extent=extent,
                interpolation="bilinear",
            )
    titles = ["picture", "classes", *(f"weight of {s:g}" for s in scales)]
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize="medium")
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
    figure.colorbar(drawn, ax=grid[:, 2:].ravel().tolist(), shrink=0.8)
    add_legend(figure, loaded)
    with files.replacing(path) as partial:
        figure.savefig(partial, dpi=110)


def add_legend(figure: Any, loaded: Loaded) -> None:
    """Adds the colours of the classes below a figure."""
    patches = optional("matplotlib.patches", "images")
    handles = [
        patches.Patch(facecolor=colour / 255, edgecolor="0.5", label=name)
        for name, colour in zip(loaded.class_names, loaded.palette, strict=True)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=min(len(handles), 8),
        fontsize="small",
        frameon=False,
    )
