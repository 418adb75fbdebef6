"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28 pixels."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from applications.common.idx import as_part, read_part
from applications.common.images import Shape, fit_array
from applications.common.parts import Data, Part

# Of Debian's package `dataset-fashion-mnist`.
FOLDER = Path("/usr/share/datasets/fashion-mnist")
# Names of images and labels, by part.
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
    """Tells whether a folder has one of the four files, or more."""
    return any(
        (folder / name).exists() for names in FILES.values() for name in names
    )


def read_fashion(folder: Path | None, shape: Shape) -> Data:
    """Reads the published parts, 60,000 to train and 10,000 to test.

    Args:
        folder: Of the four files; `None` for Debian's, or where these are not
            installed, for Keras' download of the same ones.
        shape: Height, width and channels to bring the images to.
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
    # Keras raises no particular kind where it cannot download.
    except Exception as problem:
        raise ValueError(
            f"Fashion-MNIST is not in {FOLDER}, and cannot be downloaded "
            f"({problem}): install Debian's package dataset-fashion-mnist, or "
            "give --data"
        ) from problem
    return {"train": as_part(*train, "train"), "test": as_part(*test, "test")}


def _fit(part: Part, shape: Shape) -> Part:
    images = part.images
    if images.shape[1:3] != shape[:2]:
        grey = (*shape[:2], 1)
        images = np.stack([fit_array(each[..., 0], grey) for each in images])
    return dataclasses.replace(part, images=images.repeat(shape[2], axis=-1))
