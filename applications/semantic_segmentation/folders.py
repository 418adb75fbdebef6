"""Reads folders of pictures and masks: images/ and masks/, or Pascal VOC."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from applications.common.folders import (
    FRACTIONS,
    PARTS,
    find_parts,
    folders,
    note_unread,
)
from applications.common.images import without_strays
from applications.common.parts import divide
from applications.common.problems import Problems
from applications.semantic_segmentation.mask_classes import (
    CLASSES,
    check_learnable,
    named_classes,
    numbered_classes,
    read_lines,
)
from applications.semantic_segmentation.pairs import Checked, Pair, check_all
from applications.semantic_segmentation.palette import voc_colormap
from applications.semantic_segmentation.scenes import Scenes

VOC_CLASSES = tuple(
    """background aeroplane bicycle bird boat bottle bus car cat chair cow
    diningtable dog horse motorbike person pottedplant sheep sofa train
    tvmonitor""".split()
)
VOC_PICTURES, VOC_MASKS = "JPEGImages", "SegmentationClass"
VOC_LISTS = Path("ImageSets", "Segmentation")


def read_folder(
    root: Path, problems: Problems, seed: int, workers: int
) -> Scenes:
    """Reads `root/images` and `root/masks`, or `root/train/images` etc.

    A mask is the PNG with the name of its picture. A folder with a training
    part can also have parts for validation and test, with the names in
    `common.folders.PARTS`. Without a training part, the pictures are split
    70:15:15 by the seed. The lines of `root/classes.txt` are the names of the
    classes. Without this file, the values in the masks must have no gaps.
    """
    names = named_classes(root)
    places = _places(root, problems)
    parts = {}
    for name, place in places.items():
        pairs = _find_pairs(place, problems)
        parts[name] = check_all(place, pairs, names, problems, workers)
    if "" in parts:
        whole = parts.pop("")
        shares = divide(np.zeros(len(whole), "int64"), FRACTIONS, seed)
        for name, share in zip(PARTS, shares, strict=True):
            parts[name] = [whole[index] for index in share]
    seen = {name: _values(part) for name, part in parts.items()}
    if names is None:
        names = numbered_classes(root, set().union(*seen.values()))
        check_learnable(root, names, seen, problems, least=0)
    else:
        check_learnable(root / CLASSES, names, seen, problems)
    return _scenes(names, parts)


def read_voc(root: Path, problems: Problems, workers: int) -> Scenes:
    """Reads the pictures and masks of the lists, in the layout of Pascal VOC.

    The folders are `JPEGImages` and `SegmentationClass`. The lists are
    `ImageSets/Segmentation/train.txt`, and `val.txt` and `test.txt` if they
    exist. The lines of `root/classes.txt` are the names of the classes,
    otherwise those of Pascal VOC apply.
    """
    for folder in (VOC_PICTURES, VOC_MASKS, VOC_LISTS):
        if not (root / folder).is_dir():
            raise ValueError(
                f"{root / folder}: there is no such folder. The layout of VOC "
                f"needs {VOC_PICTURES}, {VOC_MASKS} and {VOC_LISTS.as_posix()}"
            )
    own_names = named_classes(root)
    names = own_names or list(VOC_CLASSES)
    parts = {}
    for name, part in (
        ("train", "train"),
        ("val", "validation"),
        ("test",) * 2,
    ):
        path = root / VOC_LISTS / f"{name}.txt"
        if path.exists():
            pairs = [
                Pair(
                    root / VOC_PICTURES / f"{line}.jpg",
                    root / VOC_MASKS / f"{line}.png",
                )
                for line in read_lines(path)
                if _is_inside(path, line)
            ]
            parts[part] = check_all(path, pairs, names, problems, workers)
        elif name == "train":
            raise ValueError(
                f"{path}: there is no such file. It must name the training "
                "pictures, one per line, without their ending"
            )
    seen = {name: _values(part) for name, part in parts.items()}
    if own_names is None:
        # A subset of VOC need not have all of its classes.
        check_learnable(root, names, seen, problems, least=2)
    else:
        check_learnable(root / CLASSES, names, seen, problems)
    return _scenes(names, parts)


def _values(part: Iterable[Checked]) -> set[int]:
    return set().union(*(each.values for each in part))


def _scenes(names: list[str], parts: dict[str, list[Checked]]) -> Scenes:
    scenes = {
        name: [each.scene for each in part] or None
        for name, part in parts.items()
    }
    return Scenes(names, voc_colormap(len(names)), **scenes)


def _is_inside(path: Path, line: str) -> bool:
    """Returns whether a line names a picture; raises an error for a path."""
    if Path(line).name != line:
        raise ValueError(
            f"{path}: must name pictures of {VOC_PICTURES}, without a path. "
            f"Received: {line!r}"
        )
    return bool(line)


def _places(root: Path, problems: Problems) -> dict[str, Path]:
    """Returns the folders of the parts, or the whole folder as ''."""
    whole = (root / "images").is_dir()
    found = find_parts(root)
    if whole and found:
        first = next(iter(found.values())).name
        raise ValueError(
            f"{root}: has both images and {first}. Move the pictures into the "
            "parts, or move the parts elsewhere"
        )
    if whole:
        return {"": root}
    if "train" not in found:
        raise ValueError(f"{root}: must have a folder images or train")
    note_unread(root, list(found.values()), problems)
    return found


def _find_pairs(root: Path, problems: Problems) -> list[Pair]:
    """Pairs pictures and masks by their names."""
    for folder in ("images", "masks"):
        if not (root / folder).is_dir():
            raise ValueError(
                f"{root / folder}: there is no such folder. The folders images "
                "and masks must be side by side"
            )
    # The PNG takes precedence over other files with its name.
    masks = sorted(_files(root / "masks", problems), key=_is_png)
    masks = {path.stem: path for path in masks}
    pairs: dict[str, Pair] = {}
    for path in _files(root / "images", problems):
        if path.stem in pairs:
            problems.add(
                f"{path}: has the same mask as {pairs[path.stem].image.name}. "
                "Rename one of the two"
            )
            continue
        missing = root / "masks" / f"{path.stem}.png"
        pairs[path.stem] = Pair(path, masks.get(path.stem, missing))
    for stem, path in masks.items():
        if stem not in pairs:
            problems.add(
                f"{path}: its picture is missing. {root / 'images'} has no "
                f"image with the name {stem}"
            )
    return list(pairs.values())


def _files(root: Path, problems: Problems) -> list[Path]:
    inside = [path.name for path in folders(root)]
    if inside:
        problems.notes.append(
            f"{root}: the folders in it are not read: {', '.join(inside)}"
        )
    # Hidden files are copies that macOS makes.
    files = filter(Path.is_file, root.glob("[!.]*"))
    return without_strays(sorted(files), problems)


def _is_png(path: Path) -> bool:
    return path.suffix.lower() == ".png"
