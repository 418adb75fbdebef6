"""Folders of pictures and index images: our own layout, and Pascal VOC's."""

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
    part in it, by its name in `common.folders.PARTS`, may have a validation
    and a test part beside; one without is divided by the seed, 70 : 15 : 15.
    The names of the classes are the lines of `root/classes.txt`, if there is
    one; otherwise the values in the masks have no gaps.
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
    """Reads `JPEGImages` and `SegmentationClass` by the lists of the parts.

    The lists are `ImageSets/Segmentation/train.txt`, and `val.txt` and
    `test.txt` if they are there. The classes are the lines of
    `root/classes.txt`, or without it those of Pascal VOC.
    """
    for folder in (VOC_PICTURES, VOC_MASKS, VOC_LISTS):
        if not (root / folder).is_dir():
            raise ValueError(
                f"{root / folder}: there is no such folder; the layout of VOC "
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
                f"{path}: there is no such file; it must name the pictures "
                "to train with, one a line, without their ending"
            )
    seen = {name: _values(part) for name, part in parts.items()}
    if own_names is None:
        # A selection of VOC's pictures need not show all of its classes.
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
    """Returns whether a line names a picture; raises if it leads elsewhere."""
    if Path(line).name != line:
        raise ValueError(
            f"{path}: must name pictures of {VOC_PICTURES}, without a path; "
            f"there is {line!r}"
        )
    return bool(line)


def _places(root: Path, problems: Problems) -> dict[str, Path]:
    """Returns the folders of the parts; one that is not divided is ''."""
    whole = (root / "images").is_dir()
    found = find_parts(root)
    if whole and found:
        first = next(iter(found.values())).name
        raise ValueError(
            f"{root}: has both images and {first}: move the pictures into the "
            "parts, or the parts elsewhere"
        )
    if whole:
        return {"": root}
    if "train" not in found:
        raise ValueError(f"{root}: has neither images nor train")
    note_unread(root, list(found.values()), problems)
    return found


def _find_pairs(root: Path, problems: Problems) -> list[Pair]:
    """Puts pictures and masks together by their names."""
    for folder in ("images", "masks"):
        if not (root / folder).is_dir():
            raise ValueError(
                f"{root / folder}: there is no such folder; images and masks "
                "must lie side by side"
            )
    # Of two with one name, the PNG.
    masks = sorted(_files(root / "masks", problems), key=_is_png)
    masks = {path.stem: path for path in masks}
    pairs: dict[str, Pair] = {}
    for path in _files(root / "images", problems):
        if path.stem in pairs:
            problems.add(
                f"{path}: its mask is that of {pairs[path.stem].image.name} "
                "too; give it another name"
            )
            continue
        missing = root / "masks" / f"{path.stem}.png"
        pairs[path.stem] = Pair(path, masks.get(path.stem, missing))
    for stem, path in masks.items():
        if stem not in pairs:
            problems.add(
                f"{path}: its picture is missing: {root / 'images'} has none "
                f"with the name {stem} and the ending of an image"
            )
    return list(pairs.values())


def _files(root: Path, problems: Problems) -> list[Path]:
    inside = [path.name for path in folders(root)]
    if inside:
        problems.notes.append(
            f"{root}: the folders in it are not read: {', '.join(inside)}"
        )
    # Hidden ones are copies that macOS makes for itself.
    files = filter(Path.is_file, root.glob("[!.]*"))
    return without_strays(sorted(files), problems)


def _is_png(path: Path) -> bool:
    return path.suffix.lower() == ".png"
