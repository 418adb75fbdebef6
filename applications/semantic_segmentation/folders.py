"""Folders of pictures and index images: our own layout, and Pascal VOC's."""

import functools
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from applications.common.extras import optional
from applications.common.folders import FRACTIONS, PARTS
from applications.common.images import read_image, read_with
from applications.common.parts import divide
from applications.common.problems import Problems
from applications.semantic_segmentation.palette import (
    read_index_png,
    voc_colormap,
)
from applications.semantic_segmentation.scenes import IGNORE, Scene, Scenes

ENDINGS = ".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split()
CLASSES = "classes.txt"
VOC_CLASSES = tuple(
    """background aeroplane bicycle bird boat bottle bus car cat chair cow
    diningtable dog horse motorbike person pottedplant sheep sofa train
    tvmonitor""".split()
)
VOC_PICTURES, VOC_MASKS = "JPEGImages", "SegmentationClass"
VOC_LISTS = Path("ImageSets", "Segmentation")
# How many wrong values a message shows.
SHOWN = 5


class Pair(NamedTuple):
    """A picture and its mask."""

    image: Path
    mask: Path


class Checked(NamedTuple):
    """A scene that can be read, and the largest class in it."""

    scene: Scene
    largest: int


def read_folder(
    root: Path, problems: Problems, seed: int, workers: int
) -> Scenes:
    """Reads `root/images` and `root/masks`, or `root/train/images` etc.

    A mask is the PNG with the name of its picture. A folder with `train` in
    it may have `validation` (or `val`) and `test` beside; one without is
    divided by the seed, 70 : 15 : 15. The names of the classes are the lines
    of `root/classes.txt`, if there is one.
    """
    names = _read_names(root / CLASSES)
    places = _places(root)
    parts, largest = {}, 0
    for name, place in places.items():
        pairs = _find_pairs(place, problems)
        checked = _check_all(place, pairs, names, problems, workers)
        parts[name] = [each.scene for each in checked]
        largest = max(largest, *(each.largest for each in checked))
    if "" in parts:
        scenes = parts.pop("")
        shares = divide(np.zeros(len(scenes), "int64"), FRACTIONS, seed)
        for name, share in zip(
            ("train", "validation", "test"), shares, strict=True
        ):
            parts[name] = [scenes[index] for index in share] or None
    if names is None:
        names = [f"class {index}" for index in range(largest + 1)]
        _check_names(root, names)
    return Scenes(names, voc_colormap(len(names)), **parts)


def read_voc(root: Path, problems: Problems, workers: int) -> Scenes:
    """Reads `JPEGImages` and `SegmentationClass` by the lists of the parts.

    The lists are `ImageSets/Segmentation/train.txt`, and `val.txt` and
    `test.txt` if they are there.
    """
    for folder in (VOC_PICTURES, VOC_MASKS, VOC_LISTS):
        if not (root / folder).is_dir():
            raise ValueError(
                f"{root / folder}: there is no such folder; the layout of VOC "
                f"needs {VOC_PICTURES}, {VOC_MASKS} and {VOC_LISTS.as_posix()}"
            )
    names = list(VOC_CLASSES)
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
                for line in _read_lines(path)
                if _is_inside(path, line)
            ]
            checked = _check_all(path, pairs, names, problems, workers)
            parts[part] = [each.scene for each in checked]
        elif name == "train":
            raise ValueError(
                f"{path}: there is no such file; it must name the pictures "
                "to train with, one a line, without their ending"
            )
    return Scenes(names, voc_colormap(len(names)), **parts)


def _is_inside(path: Path, line: str) -> bool:
    """Returns whether a line names a picture; raises if it leads elsewhere."""
    if Path(line).name != line:
        raise ValueError(
            f"{path}: must name pictures of {VOC_PICTURES}, without a path; "
            f"there is {line!r}"
        )
    return bool(line)


def _places(root: Path) -> dict[str, Path]:
    """Returns the folders of the parts; one that is not divided is ''."""
    whole = (root / "images").is_dir()
    found = [name for name in PARTS if (root / name).is_dir()]
    if whole and found:
        raise ValueError(
            f"{root}: has both images and {found[0]}: move the pictures into "
            "the parts, or the parts elsewhere"
        )
    if whole:
        return {"": root}
    if "train" not in found:
        raise ValueError(f"{root}: has neither images nor train")
    if "val" in found and "validation" in found:
        raise ValueError(f"{root}: has both val and validation")
    return {PARTS[name]: root / name for name in found}


def _find_pairs(root: Path, problems: Problems) -> list[Pair]:
    """Puts pictures and masks together by their names."""
    for folder in ("images", "masks"):
        if not (root / folder).is_dir():
            raise ValueError(
                f"{root / folder}: there is no such folder; images and masks "
                "must lie side by side"
            )
    masks = {path.stem: path for path in _files(root / "masks", [".png"])}
    pairs: dict[str, Pair] = {}
    for path in _files(root / "images", ENDINGS):
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
                f"{path}: its picture is missing: {root / 'images'} has no "
                f"{stem} with one of the endings {' '.join(ENDINGS)}"
            )
    return list(pairs.values())


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    # Hidden ones are copies that macOS makes for itself.
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in endings and not path.name.startswith(".")
    )


def _check_all(
    place: Path,
    pairs: Sequence[Pair],
    names: list[str] | None,
    problems: Problems,
    workers: int,
) -> list[Checked]:
    """Reads all pairs once, and keeps the good ones."""
    image_module = optional("PIL.Image", "images")

    def attempt(pair: Pair) -> Checked | ValueError:
        try:
            return _check(pair, names)
        except ValueError as problem:
            return problem

    good = []
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(max(1, workers)) as pool,
    ):
        # An image that claims billions of pixels is an attack, or broken.
        warnings.simplefilter("error", image_module.DecompressionBombWarning)
        for result in pool.map(attempt, pairs):
            if isinstance(result, ValueError):
                problems.add(str(result))
            else:
                good.append(result)
    if not good:
        raise ValueError(
            f"{place}: has no picture with a mask, of which both are good"
        )
    return good


def _check(pair: Pair, names: list[str] | None) -> Checked:
    if not pair.image.is_file():
        raise ValueError(f"{pair.image}: there is no such picture")
    if not pair.mask.is_file():
        raise ValueError(
            f"{pair.image}: its mask {pair.mask} is missing: add it, or take "
            "the picture out"
        )
    size = _picture_size(pair.image)
    mask = read_index_png(pair.mask)
    if mask.shape != size:
        raise ValueError(
            f"{pair.mask}: its size is {_words(mask.shape)}, and that of "
            f"{pair.image} {_words(size)}: they must be the same"
        )
    values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    values = values[values != IGNORE]
    wrong = values[values >= (IGNORE if names is None else len(names))]
    if len(wrong):
        more = " .." if len(wrong) > SHOWN else ""
        raise ValueError(
            f"{pair.mask}: the values must be 0 to {len(names) - 1}, the "
            f"classes, or {IGNORE}, which is not counted; there are "
            f"{' '.join(map(str, wrong[:SHOWN]))}{more}"
        )
    scene = Scene(
        str(pair.image),
        functools.partial(read_image, pair.image, (*size, 3)),
        functools.partial(read_index_png, pair.mask),
        size,
        pair,
    )
    return Checked(scene, int(values.max(initial=0)))


def _picture_size(path: Path) -> tuple[int, int]:
    """Returns height and width of a picture the right way up."""
    turn = optional("PIL.ImageOps", "images").exif_transpose
    width, height = read_with(path, lambda image: turn(image).size)
    return height, width


def _words(size: tuple[int, ...]) -> str:
    return f"{size[1]} x {size[0]}"


def _read_names(path: Path) -> list[str] | None:
    if not path.exists():
        return None
    names = _read_lines(path)
    while names and not names[-1]:
        names.pop()
    _check_names(path, names)
    return names


def _check_names(path: Path, names: list[str]) -> None:
    if not 2 <= len(names) <= IGNORE:
        raise ValueError(
            f"{path}: needs 2 to {IGNORE} classes, and has {len(names)}"
        )
    if "" in names or len(set(names)) < len(names):
        raise ValueError(
            f"{path}: needs a name for each class, which no other class has; "
            f"they are {names}"
        )


def _read_lines(path: Path) -> list[str]:
    # Editors of Windows put a mark before the first line: utf-8-sig.
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path}: not a text file ({problem})") from problem
    return [line.strip() for line in text.splitlines()]
