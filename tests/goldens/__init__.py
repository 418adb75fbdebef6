"""Numbers recorded from the reference implementations (see README.md)."""

import json
import pathlib
import zlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent
DEEPLAB_CLASSES = 4


def load_golden(name):
    """Returns the recorded arrays, with images channels last.

    `weights` maps the names of the reference to arrays in PyTorch's layout.
    `meta` describes the source. Other arrays have their own names.
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


def cotangent(shape, dtype="float32"):
    """Returns the cotangent of the recorded gradients `y_grad`.

    It is `sin(0.1 * index)` over the flat channels-first output. `shape` is the
    channels-last shape. `dtype` is that of the recorded numbers, since the sine
    of 600 differs between float32 and float64.
    """
    batch, *size, channels = shape
    index = np.arange(np.prod(shape), dtype=dtype)
    flat = np.sin(np.asarray(0.1, dtype) * index).astype("float32")
    return np.moveaxis(flat.reshape(batch, channels, *size), 1, -1)


def fernet_images():
    """Returns the images of the FERNet golden."""
    images = np.random.RandomState(0).uniform(size=(6, 48, 48, 1))
    return images.astype("float32")


def resnet_images():
    """Returns the images of the ResNet goldens."""
    images = np.random.RandomState(1).normal(size=(2, 64, 63, 3))
    return images.astype("float32")


def deeplab_images():
    """Returns the images of the DeepLab golden."""
    images = np.random.RandomState(2).normal(size=(2, 33, 41, 3))
    return images.astype("float32")


def zfnet_images():
    """Returns the images of the ZF-Net golden."""
    images = np.random.RandomState(3).normal(size=(2, 224, 224, 3))
    return (50 * images).astype("float32")


def vit_images():
    """Returns the images of the goldens of ViTs' forms."""
    images = np.random.RandomState(4).normal(size=(2, 32, 24, 3))
    return images.astype("float32")


def vit_weights(shapes):
    """Draws weights for the names and shapes of a Vision Transformer.

    The same names always have the same numbers. Scales are around 1, and other
    arrays have the size that makes all parts matter.
    """
    weights = {}
    for name, shape in shapes.items():
        random = np.random.RandomState(zlib.crc32(name.encode()))
        array = random.normal(scale=0.3, size=shape)
        if name.endswith((".weight", ".gamma")) and len(shape) == 1:
            array += 1.0
        weights[name] = array.astype("float32")
    return weights


def deeplab_weights(shapes):
    """Draws weights for a DeepLab, only once for a shared backbone."""
    alone = {name.replace("backbones.1.", "backbones.0.") for name in shapes}
    weights = random_weights({n: tuple(shapes[n]) for n in sorted(alone)})
    return {
        name: weights[name.replace("backbones.1.", "backbones.0.")]
        for name in shapes
    }


def efficientnet_weights(shapes):
    """Draws weights for an EfficientNet, with He's bound for all kernels.

    With the smaller bound, all images would have the same logits.
    """
    gains = {
        n: 6.0 if shape[2:] == (1, 1) else 1 for n, shape in shapes.items()
    }
    return {
        name: array * np.float32(gains[name] ** 0.5)
        for name, array in random_weights(shapes).items()
    }


def random_weights(shapes):
    """Draws weights for the names and shapes of a PyTorch network.

    The same names always have the same numbers, so goldens of large networks
    need not store them. The weights are random, not initial, including scales
    and statistics of normalisation layers. Those layers are found by their
    `running_var`.
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
            # He's bound: with less, deep layers could not tell images apart. It
            # is smaller for 1x1 convolutions, as three are multiplied.
            kernel = shapes[f"{stem}.weight"]
            gain = 1.0 if kernel[2:] == (1, 1) else 6.0
            limit = (gain / np.prod(kernel[1:])) ** 0.5
            array = random.uniform(-limit, limit, shape)
        kept = array.dtype if array.dtype == np.int64 else np.float32
        weights[name] = array.astype(kept)
    return weights
