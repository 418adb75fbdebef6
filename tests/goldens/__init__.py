"""Numbers recorded from the reference implementations (see README.md)."""

import json
import pathlib
import zlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent
DEEPLAB_CLASSES = 4


def load_golden(name):
    """Returns what was recorded, images channels last.

    `weights` maps the reference's names to its arrays, as they lay in PyTorch;
    `meta` says where the numbers come from; all else is by its own name.
    """
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    weights = {
        key.removeprefix("w/"): arrays.pop(key)
        for key in list(arrays)
        if key.startswith("w/")
    }
    meta = json.loads(str(arrays.pop("meta")))
    return {**arrays, "weights": weights, "meta": meta}


def cotangent(shape):
    """Returns what the recorded gradients `y_grad` were pulled back from.

    That is `sin(0.1 * index)` over the flat channels-first output; `shape` is
    the channels-last one.
    """
    batch, *size, channels = shape
    # In float32 from the start, as it was recorded: the sine of 600 differs.
    index = np.arange(np.prod(shape), dtype="float32")
    flat = np.sin(np.float32(0.1) * index)
    return np.moveaxis(flat.reshape(batch, channels, *size), 1, -1)


def fernet_images():
    """Returns the images which the golden of FERNet was recorded on."""
    images = np.random.RandomState(0).uniform(size=(6, 48, 48, 1))
    return images.astype("float32")


def resnet_images():
    """Returns the images which the goldens of ResNets were recorded on."""
    images = np.random.RandomState(1).normal(size=(2, 64, 63, 3))
    return images.astype("float32")


def deeplab_images():
    """Returns the images which the golden of DeepLab was recorded on."""
    images = np.random.RandomState(2).normal(size=(2, 33, 41, 3))
    return images.astype("float32")


def zfnet_images():
    """Returns the images which the golden of ZF-Net was recorded on."""
    images = np.random.RandomState(3).normal(size=(2, 224, 224, 3))
    return (50 * images).astype("float32")


def deeplab_weights(shapes):
    """Draws weights for a DeepLab, those of a shared backbone once."""
    alone = {name.replace("backbones.1.", "backbones.0.") for name in shapes}
    weights = random_weights({n: tuple(shapes[n]) for n in sorted(alone)})
    return {
        name: weights[name.replace("backbones.1.", "backbones.0.")]
        for name in shapes
    }


def random_weights(shapes):
    """Draws weights for the names and shapes of a PyTorch network.

    The same names give the same numbers everywhere, so that a golden of a
    network of millions of weights need not hold them. They are random, not
    initial: also the scales and statistics of normalisation layers, which
    are those whose names have a `running_var` beside them.
    """
    weights = {}
    for name, shape in shapes.items():
        random = np.random.RandomState(zlib.crc32(name.encode()))
        stem, kind = name.rpartition(".")[::2]
        normalizes = f"{stem}.running_var" in shapes
        if kind == "num_batches_tracked":
            array = np.asarray(0)
        elif kind == "running_var":
            array = random.uniform(0.5, 1.5, shape)
        elif kind == "running_mean" or (normalizes and kind == "bias"):
            array = random.uniform(-0.2, 0.2, shape)
        elif normalizes:
            array = random.uniform(0.8, 1.2, shape)
        else:
            # He's bound, or images would look all the same to deep layers;
            # but less for 1x1 convolutions, three of which are multiplied.
            kernel = shapes[f"{stem}.weight"]
            gain = 1.0 if kernel[2:] == (1, 1) else 6.0
            limit = (gain / np.prod(kernel[1:])) ** 0.5
            array = random.uniform(-limit, limit, shape)
        kept = array.dtype if array.dtype == np.int64 else np.float32
        weights[name] = array.astype(kept)
    return weights
