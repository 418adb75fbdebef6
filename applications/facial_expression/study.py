"""Measures and draws what FeatureAct adds to the maps of each stage."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.common import files
from applications.common.classifiers import Classifier
from applications.common.extras import optional
from keras_attn.layers import FeatureAct

COLUMNS = ("features", "cor_feature", "sum")


@dataclasses.dataclass(frozen=True)
class Maps:
    """Maps `(height, width)` of one stage, in the order of `COLUMNS`."""

    stage: str
    features: np.ndarray
    cor_feature: np.ndarray
    sum: np.ndarray


def stages_of(model: keras.Model) -> list[str]:
    """Returns the names of the FeatureAct layers, in order."""
    return [each.name for each in model.layers if isinstance(each, FeatureAct)]


def study(
    loaded: Classifier, image: np.ndarray, stages: list[str] | None = None
) -> list[Maps]:
    """Computes the maps of a network's stages for an image.

    Args:
        loaded: The network.
        image: Image `(height, width, channels)` in [0, 255].
        stages: Names of FeatureAct layers; `None` for all.

    Returns:
        For each stage, the means over channels of its input, of the map that
        the layer adds, and of their sum.
    """
    model = loaded.model
    known = stages_of(model)
    stages = known if stages is None else stages
    if not stages or not set(stages) <= set(known):
        raise ValueError(
            f"{loaded.path}: --stages must be among {known}. Received: {stages}"
        )
    layers = [model.get_layer(stage) for stage in stages]
    inside = keras.Model(model.input, [layer.input for layer in layers])
    found = inside(loaded.prepare(image[None]), training=False)
    found = found if isinstance(found, (list, tuple)) else [found]
    return [
        _maps(layer, features)
        for layer, features in zip(layers, found, strict=True)
    ]


def _maps(layer: FeatureAct, features: Any) -> Maps:
    def mean(tensor: Any) -> np.ndarray:
        tensor = keras.ops.cast(tensor, "float32")
        tensor = keras.ops.mean(tensor, axis=layer.channel_axis)
        return keras.ops.convert_to_numpy(tensor)[0]

    added = layer.attention(features)["feature"]
    return Maps(layer.name, mean(features), mean(added), mean(features + added))


def draw(
    image: np.ndarray,
    studies: dict[str, list[Maps]],
    path: Path,
    title: str,
) -> None:
    """Draws the maps of one or more networks, one row per stage."""
    figure_module = optional("matplotlib.figure", "images")
    rows = len(next(iter(studies.values())))
    figure = figure_module.Figure(
        (5.9 * len(studies), 1.62 * rows + 0.9), layout="constrained"
    )
    figure.suptitle(title)
    blocks = figure.subfigures(1, len(studies), squeeze=False, wspace=0.03)[0]
    for block, (name, maps) in zip(blocks, studies.items(), strict=True):
        block.suptitle(name, fontsize="medium", fontweight="bold")
        grid = block.subplots(rows, len(COLUMNS) + 1, squeeze=False)
        for axes, each in zip(grid, maps, strict=True):
            _draw_row(axes, each, image)
        for axes, column in zip(
            grid[0], (*COLUMNS, "sum on face"), strict=True
        ):
            axes.set_title(column, fontsize="medium")
    with files.replacing(path) as partial:
        figure.savefig(partial, dpi=90)


def _draw_row(axes: Any, maps: Maps, image: np.ndarray) -> None:
    for place, column in zip(axes, COLUMNS, strict=False):
        value = getattr(maps, column)
        low, high = _limits(value)
        place.imshow(value, cmap="viridis", vmin=low, vmax=high)
        # One scale per map, since the added map can be comparatively small.
        place.set_xlabel(
            f"{value.min():.2f} to {value.max():.2f}", fontsize="small"
        )
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    low, high = _limits(maps.sum)
    axes[-1].imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
    axes[-1].imshow(
        maps.sum,
        cmap="jet",
        vmin=low,
        vmax=high,
        alpha=0.4,
        extent=extent,
        interpolation="bilinear",
    )
    side = " x ".join(map(str, maps.sum.shape))
    axes[0].set_ylabel(f"{maps.stage}\n{side}", fontsize="medium")
    for place in axes:
        place.set(xticks=[], yticks=[])


def _limits(value: np.ndarray) -> tuple[float, float]:
    # Padding makes a few pixels at the border far brighter than others.
    low, high = np.percentile(value, [1, 98])
    return float(low), float(high)
