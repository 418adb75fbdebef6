"""A folder of images for each class, divided by folders or by a seed."""

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

# What the folders of the parts are called, in any case.
PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "publictest"),
    "test": ("test", "testing", "privatetest"),
}
# Of a folder that is not divided: train, validation, test.
FRACTIONS = [0.7, 0.15, 0.15]


def find_parts(root: Path) -> dict[str, Path]:
    """Returns the folders with the name of a part, by the part's."""
    found: dict[str, Path] = {}
    for path in folders(root):
        for part, names in PARTS.items():
            if path.name.lower() not in names:
                continue
            if part in found:
                raise ValueError(
                    f"{root}: has both {found[part].name} and {path.name}, "
                    f"which are names of the {part} part. Put the images into "
                    "one of them, and rename or move the other"
                )
            found[part] = path
    return {part: found[part] for part in PARTS if part in found}


def note_unread(root: Path, read: list[Path], problems: Problems) -> None:
    """Names the folders of a divided data set that are no parts of it."""
    unread = [path.name for path in folders(root) if path not in read]
    if unread:
        problems.notes.append(
            f"{root}: these folders are not read, as none of them is called "
            f"{', '.join(PARTS)} or the like: {', '.join(unread)}"
        )


def read_folder(
    root: Path, shape: Shape, problems: Problems, seed: int, workers: int
) -> Data:
    """Reads `root/<class>/<image>`, or `root/train/<class>/<image>` etc.

    A folder with one of `PARTS` for training in it may have those for
    validation and test beside; one without is divided by the seed, 70 : 15 : 15
    in each class.
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
                f"{path}: its classes {other} are not those of "
                f"{found['train']}, {names}. All parts need the same folders "
                "of classes; move images without a class elsewhere"
            )
        parts[part] = _read_part(path, names, shape, problems, workers)
    note_unread(root, list(found.values()), problems)
    return Data(names, **parts)


def _divided(root: Path) -> dict[str, Path]:
    """Returns the folders of the parts, or none if all are classes."""
    found = find_parts(root)
    if "train" in found:
        if not folders(found["train"]):
            raise ValueError(
                f"{found['train']}: needs a folder of images for each class. "
                "If it is a class itself, give it another name, as this is "
                "that of the training part"
            )
        return found
    # Of documents that are valid or invalid, one class has the name of a part.
    if len(found) <= 1 and not any(map(folders, found.values())):
        return {}
    names = ", ".join(path.name for path in found.values())
    raise ValueError(
        f"{root}: has {names}, and no folder {' or '.join(PARTS['train'])} to "
        "train with. Add it, or give these other names if they are classes"
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
            f"{root}: needs a folder of images for each of two classes or "
            f"more, and has {names}"
        )
    beside = [
        path
        for path in filter(_is_data, root.iterdir())
        if path.suffix.lower() in ENDINGS
    ]
    if beside:
        problems.notes.append(
            f"{root}: {len(beside)} images such as {min(beside).name} are "
            "not read, as they are in no folder of a class"
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
            raise ValueError(f"{root / name}: none of its files is an image")
    return Part(images, labels, [str(paths[index]) for index in kept])


def folders(root: Path) -> list[Path]:
    """Returns the folders in a folder, by name; hidden ones are none."""
    return sorted(filter(_is_data, filter(Path.is_dir, root.iterdir())))


def _is_data(path: Path) -> bool:
    # Files such as .DS_Store come with folders of images.
    return not path.name.startswith(".")
