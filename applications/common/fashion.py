"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28 pixels."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from applications.common.idx import as_part, read_part
from applications.common.images import Shape, fit_array
from applications.common.parts import Data, Part

# Folder of Debian's package `dataset-fashion-mnist`.
FOLDER = Path("/usr/share/datasets/fashion-mnist")
# Files with the images and the labels of each part.
FILES = {
    part: (f"{start}-images-idx3-ubyte.gz", f"{start}-labels-idx1-ubyte.gz")
    for part, start in (("train", "train"), ("test", "t10k"))
}
CLASS_NAMES = [
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
]


def has_files(folder: Path) -> bool:
    """Returns whether a folder has at least one of the four files."""
    return any(
        (folder / name).exists() for names in FILES.values() for name in names
    )


def read_fashion(folder: Path | None, shape: Shape) -> Data:
    """Reads the published parts: 60,000 training and 10,000 test images.

    Args:
        folder: Folder of the four files; `None` for those of Debian's package
            if it is installed, otherwise for Keras' download.
        shape: Height, width and channels that images are resized to.
    """
    if folder is None and not has_files(FOLDER):
        parts = _downloaded()
    else:
        folder = FOLDER if folder is None else folder
        parts = {
            part: read_part(*(folder / name for name in names))
            for part, names in FILES.items()
        }
    fitted = {name: _fit(part, shape) for name, part in parts.items()}
    return Data(list(CLASS_NAMES), **fitted)


def _downloaded() -> dict[str, Part]:
    try:
        train, test = keras.datasets.fashion_mnist.load_data()
    # Keras raises a plain `Exception` if the download fails.
    except Exception as problem:
        raise ValueError(
            f"Fashion-MNIST is not in {FOLDER} and cannot be downloaded "
            f"({problem}). Install Debian's package dataset-fashion-mnist, or "
            "pass --data"
        ) from problem
    return {"train": as_part(*train, "train"), "test": as_part(*test, "test")}


def _fit(part: Part, shape: Shape) -> Part:
    images = part.images
    if images.shape[1:3] != shape[:2]:
        grey = (*shape[:2], 1)
        images = np.stack([fit_array(each[..., 0], grey) for each in images])
    return dataclasses.replace(part, images=images.repeat(shape[2], axis=-1))
