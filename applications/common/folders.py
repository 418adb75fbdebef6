"""Reads a folder of images per class, split by folders or by a seed."""

from pathlib import Path

import numpy as np

from applications.common.images import (
    ENDINGS,
    Shape,
    read_images,
    without_strays,
)
from applications.common.parts import Data, Part, divide
from applications.common.problems import Problems

# Names of the folders of the parts, in any case.
PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "publictest"),
    "test": ("test", "testing", "privatetest"),
}
# Split of a folder without such folders: train, validation, test.
FRACTIONS = [0.7, 0.15, 0.15]


def find_parts(root: Path) -> dict[str, Path]:
    """Returns the folders that have the name of a part, by part."""
    found: dict[str, Path] = {}
    for path in folders(root):
        for part, names in PARTS.items():
            if path.name.lower() not in names:
                continue
            if part in found:
                raise ValueError(
                    f"{root}: has both {found[part].name} and {path.name}, "
                    f"which are names of the {part} part. Move the images into "
                    "one of them, and remove or rename the other"
                )
            found[part] = path
    return {part: found[part] for part in PARTS if part in found}


def note_unread(root: Path, read: list[Path], problems: Problems) -> None:
    """Notes the folders of a data set that are not read."""
    unread = [path.name for path in folders(root) if path not in read]
    if unread:
        problems.notes.append(
            f"{root}: these folders are not read, since they do not have the "
            f"name of a part ({', '.join(PARTS)}): {', '.join(unread)}"
        )


def read_folder(
    root: Path, shape: Shape, problems: Problems, seed: int, workers: int
) -> Data:
    """Reads `root/<class>/<image>`, or `root/train/<class>/<image>` etc.

    A folder with a training part can also have parts for validation and test,
    with the names in `PARTS`. Without a training part, each class is split
    70:15:15 by the seed.
    """
    found = _divided(root)
    if not found:
        names = [path.name for path in folders(root)]
        part = _read_part(root, names, shape, problems, workers)
        shares = divide(part.labels, FRACTIONS, seed)
        return Data(names, *(part.take(share) for share in shares))
    names = [path.name for path in folders(found["train"])]
    parts = {}
    for part, path in found.items():
        other = [each.name for each in folders(path)]
        if other != names:
            raise ValueError(
                f"{path}: its classes {other} must be those of "
                f"{found['train']}, {names}. All parts need the same folders "
                "of classes. Move images without a class elsewhere"
            )
        parts[part] = _read_part(path, names, shape, problems, workers)
    note_unread(root, list(found.values()), problems)
    return Data(names, **parts)


def _divided(root: Path) -> dict[str, Path]:
    """Returns the folders of the parts, empty if all folders are classes."""
    found = find_parts(root)
    if "train" in found:
        if not folders(found["train"]):
            raise ValueError(
                f"{found['train']}: needs a folder of images for each class. "
                "If it is a class itself, rename it, since this is the name of "
                "the training part"
            )
        return found
    # A class can have the name of a part, such as valid and invalid documents.
    if len(found) <= 1 and not any(map(folders, found.values())):
        return {}
    names = ", ".join(path.name for path in found.values())
    raise ValueError(
        f"{root}: has {names}, but no folder {' or '.join(PARTS['train'])}. "
        "Add one, or rename these folders if they are classes"
    )


def _read_part(
    root: Path,
    names: list[str],
    shape: Shape,
    problems: Problems,
    workers: int,
) -> Part:
    if len(names) < 2:
        raise ValueError(
            f"{root}: must have a folder of images for each of two classes or "
            f"more. Received: {names}"
        )
    beside = [
        path
        for path in filter(_is_data, root.iterdir())
        if path.suffix.lower() in ENDINGS
    ]
    if beside:
        problems.notes.append(
            f"{root}: {len(beside)} images such as {min(beside).name} are "
            "not read, since they are not in the folder of a class"
        )
    paths, labels = [], []
    for label, name in enumerate(names):
        inside = sorted(filter(_is_data, (root / name).iterdir()))
        files = without_strays(inside, problems)
        if not files:
            raise ValueError(f"{root / name}: the folder has no images")
        paths += files
        labels += [label] * len(files)
    images, kept = read_images(paths, shape, problems, workers)
    labels = np.array(labels, "int64")[kept]
    for label, name in enumerate(names):
        if label not in labels:
            raise ValueError(f"{root / name}: none of the files is an image")
    return Part(images, labels, [str(paths[index]) for index in kept])


def folders(root: Path) -> list[Path]:
    """Returns the folders in a folder by name, without hidden ones."""
    return sorted(filter(_is_data, filter(Path.is_dir, root.iterdir())))


def _is_data(path: Path) -> bool:
    # Folders of images often have files such as .DS_Store.
    return not path.name.startswith(".")
