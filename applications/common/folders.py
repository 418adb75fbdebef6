"""A folder of images for each class, divided by folders or by a seed."""

from pathlib import Path

import numpy as np

from applications.common.images import Shape, read_images
from applications.common.parts import Data, Part, divide
from applications.common.problems import Problems

PARTS = {"train": "train", "validation": "validation", "val": "validation"}
PARTS["test"] = "test"
# Of a folder that is not divided: train, validation, test.
FRACTIONS = [0.7, 0.15, 0.15]


def read_folder(
    root: Path, shape: Shape, problems: Problems, seed: int, workers: int
) -> Data:
    """Reads `root/<class>/<image>`, or `root/train/<class>/<image>` etc.

    A folder with `train` in it may have `validation` (or `val`) and `test`
    beside; one without is divided by the seed, 70 : 15 : 15 in each class.
    """
    found = {path.name: path for path in _folders(root)}
    if "train" not in found:
        names = sorted(found)
        part = _read_part(root, names, shape, problems, workers)
        shares = divide(part.labels, FRACTIONS, seed)
        return Data(names, *(part.take(share) for share in shares))
    if "val" in found and "validation" in found:
        raise ValueError(f"{root}: has both val and validation")
    names = sorted(path.name for path in _folders(found["train"]))
    parts = {}
    for folder, part in PARTS.items():
        if folder not in found:
            continue
        path = found[folder]
        other = sorted(each.name for each in _folders(path))
        if other != names:
            raise ValueError(
                f"{path}: its classes {other} are not those of "
                f"{found['train']}, {names}"
            )
        parts[part] = _read_part(path, names, shape, problems, workers)
    return Data(names, **parts)


def _read_part(
    root: Path,
    names: list[str],
    shape: Shape,
    problems: Problems,
    workers: int,
) -> Part:
    if len(names) < 2:
        raise ValueError(
            f"{root}: needs a folder of images for each of two classes or "
            f"more, and has {names}"
        )
    paths, labels = [], []
    for label, name in enumerate(names):
        files = sorted(each for each in (root / name).iterdir() if _data(each))
        if not files:
            raise ValueError(f"{root / name}: the folder has no images")
        paths += files
        labels += [label] * len(files)
    images, kept = read_images(paths, shape, problems, workers)
    labels = np.array(labels, "int64")[kept]
    for label, name in enumerate(names):
        if label not in labels:
            raise ValueError(f"{root / name}: none of its files is an image")
    return Part(images, labels, [str(paths[index]) for index in kept])


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and _data(path)]


def _data(path: Path) -> bool:
    # Files such as .DS_Store and Thumbs.db come with folders of images.
    return not path.name.startswith(".") and path.name != "Thumbs.db"
