"""Reads pictures with masks: folders, or the maps of the Earth."""

from pathlib import Path

from applications.common.folders import find_parts
from applications.common.problems import Problems
from applications.semantic_segmentation.climate import read_climate
from applications.semantic_segmentation.folders import (
    VOC_LISTS,
    VOC_MASKS,
    VOC_PICTURES,
    read_folder,
    read_voc,
)
from applications.semantic_segmentation.scenes import Scenes


def read_data(
    source: str | None,
    seed: int = 0,
    skip_bad: bool = False,
    workers: int = 1,
    tile: int = 321,
    factor: int = 1,
    validation: bool = False,
) -> Scenes:
    """Finds the scenes, and reads each file once to check it.

    Args:
        source: Path of a folder; `None` for the maps of the Earth.
        seed: Seed to split a folder that has no folders for the parts.
        skip_bad: Whether to skip files that cannot be read.
        workers: Threads that read files.
        tile: Height and width of the tiles of the maps.
        factor: Factor by which the maps are reduced.
        validation: Whether the maps have a validation part.
    """
    if source is None:
        return read_climate(tile, factor, validation)
    path, problems = Path(source), Problems(skip_bad)
    if not path.exists():
        raise ValueError(f"{path}: there is no such folder")
    if not path.is_dir():
        raise ValueError(f"{path}: not a folder")
    if _has(path, VOC_PICTURES, VOC_MASKS, VOC_LISTS):
        scenes = read_voc(path, problems, workers)
    elif _has(path, "images", "masks") or find_parts(path):
        scenes = read_folder(path, problems, seed, workers)
    else:
        raise ValueError(
            f"{path}: must have the folders images and masks, or train with "
            f"both in it, or {VOC_PICTURES}, {VOC_MASKS} and "
            f"{VOC_LISTS.as_posix()} as in Pascal VOC"
        )
    problems.report()
    return scenes


def _has(root: Path, *names: str | Path) -> bool:
    return any((root / name).is_dir() for name in names)
