"""Draws edges with HED: `-m applications.semantic_segmentation.edges`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers

from applications.common import command, files
from applications.common.extras import optional
from applications.common.images import read_pictures
from applications.common.problems import Problems
from applications.semantic_segmentation import parsers, vgg16
from keras_attn.layers import BilinearResizing
from keras_attn.weights import load_torch

# Means of blue, green and red in the training of HED.
MEANS = 104.00699, 116.66877, 122.67892


@command.parsed_by(parsers.edges)
def main(options: argparse.Namespace) -> None:
    """Draws the edges of image files."""
    targets = _targets(options.images, options.output)
    network, problems = hed(), Problems(options.skip_bad)
    for path, image in read_pictures(targets, problems):
        _write(targets[path], edge_map(image, network))
        print(f"wrote {targets[path]}", flush=True)


def edge_map(
    image: np.ndarray, network: keras.Model | None = None
) -> np.ndarray:
    """Returns the edge map of an image, float32 in [0, 1].

    Args:
        image: RGB image, uint8 `(height, width, 3)`.
        network: Result of `hed`, to build it only once for many images;
            `None` builds it.

    Returns:
        An array `(height, width)`.
    """
    if image.dtype != "uint8" or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            "an image must be uint8 (height, width, 3). Received: "
            f"{image.dtype} {image.shape}"
        )
    network = hed() if network is None else network
    ready = image[None, :, :, ::-1] - np.array(MEANS, "float32")
    return np.asarray(network.predict(ready, verbose=0)[0, :, :, 0], "float32")


def hed(path: Path | None = None) -> keras.Model:
    """Builds HED from a DeepLab with VGG16's convolutions, for any size.

    It takes channels-last BGR images minus `MEANS`, and returns edges
    `(batch, height, width, 1)`.

    Args:
        path: Weights, as in `vgg16.read_vgg16`.
    """
    network = _network(vgg16.build_vgg16(path=path))
    arrays = vgg16.read_side_outputs(path)
    for name in sorted({key.partition(".")[0] for key in arrays}):
        layer = {kind: arrays[f"{name}.{kind}"] for kind in ("weight", "bias")}
        load_torch(network.get_layer(name), layer)
    return network


def _network(deeplab: keras.Model) -> keras.Model:
    """Builds HED with a DeepLab's convolutions and random side outputs."""
    last = {"data_format": "channels_last"}
    x = image = keras.Input((None, None, 3), name="image")
    sides, names = [], []
    for stage, (filters, count) in enumerate(vgg16.STAGES, start=1):
        if stage > 1:
            x = layers.MaxPooling2D(2, padding="same", **last)(x)
        for i in range(1, count + 1):
            names.append(f"stage{stage}_conv{i}")
            x = layers.Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                name=names[-1],
                **last,
            )(x)
        side = layers.Conv2D(1, 1, name=f"dsn{stage}", **last)(x)
        resizing = BilinearResizing(align_corners=False, **last)
        sides.append(resizing(side, like=image))
    fuse = layers.Conv2D(1, 1, activation="sigmoid", name="fuse", **last)
    network = keras.Model(image, fuse(layers.Concatenate()(sides)), name="hed")
    for name in names:
        weights = deeplab.get_layer(name).get_weights()
        network.get_layer(name).set_weights(weights)
    return network


def _targets(paths: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Returns the file for the edges of each picture."""
    sources: dict[Path, Path] = {}
    given = {path.resolve() for path in paths}
    for path in dict.fromkeys(paths):
        target = folder / f"{path.stem}_edges.png"
        if target in sources:
            raise ValueError(
                f"{path}: its edges would be written to {target}, like those "
                f"of {sources[target]}. Rename one, or draw them into two "
                "folders"
            )
        if target.resolve() in given:
            raise ValueError(
                f"{target}: the edges of {path} would replace this picture. "
                "Pass another folder with --output"
            )
        sources[target] = path
    return {path: target for target, path in sources.items()}


def _write(path: Path, edges: np.ndarray) -> None:
    grey = np.round(255 * (1 - edges)).astype("uint8")
    image = optional("PIL.Image", "images").fromarray(grey)
    with files.replacing(path) as partial:
        image.save(partial, format="PNG")


if __name__ == "__main__":
    raise SystemExit(main())
