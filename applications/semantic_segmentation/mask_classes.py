"""The classes of masks: their names, and checks that they can be learned."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from applications.common.problems import Problems
from applications.semantic_segmentation.scenes import IGNORE

CLASSES = "classes.txt"
# Number of values that a message shows.
SHOWN = 5


def named_classes(root: Path) -> list[str] | None:
    """Returns the lines of `root/classes.txt`, or `None` if there is none."""
    path = root / CLASSES
    if not path.exists():
        return None
    names = read_lines(path)
    while names and not names[-1]:
        names.pop()
    _check_count(path, names)
    if "" in names or len(set(names)) < len(names):
        raise ValueError(
            f"{path}: must have a unique name for each class. Received: {names}"
        )
    return names


def numbered_classes(root: Path, values: set[int]) -> list[str]:
    """Returns a name for each value in the masks, which must have no gaps."""
    found = sorted(values - {IGNORE})
    names = [f"class {value}" for value in range(max(found, default=-1) + 1)]
    gaps = sorted(set(range(len(names))) - set(found))
    if gaps:
        raise ValueError(
            f"{root}: the masks have the values {listed(found)}, but not "
            f"{listed(gaps)}, so there are gaps. Number the classes from 0, "
            "and replace each value in the masks by the number of its class"
            f"{_about_ignored(values, 'a number')}"
        )
    _check_count(root, names, _about_ignored(values, "1"))
    return names


def check_learnable(
    where: Path,
    names: list[str],
    seen: Mapping[str, set[int]],
    problems: Problems,
    least: int | None = None,
) -> None:
    """Checks that the classes have pixels to learn from.

    A class without pixels would be missing in the mean over classes, which
    would then be too high.

    Args:
        where: File that names the classes, or the folder.
        names: Names of the classes.
        seen: Values in the masks, by part.
        problems: Collects notes about missing classes.
        least: Number of classes that need pixels; `None` for all.

    Raises:
        ValueError: If fewer classes are in the training part.
    """
    values = seen["train"]
    absent = [value for value in range(len(names)) if value not in values]
    if not absent:
        return
    text = (
        f"{where}: the classes "
        f"{listed(f'{value} ({names[value]})' for value in absent)} have no "
        "pixels in the training part"
    )
    if len(names) - len(absent) < (len(names) if least is None else least):
        if set(absent) <= set().union(*seen.values()):
            raise ValueError(
                f"{text}, but other parts have some. Move pictures of these "
                "classes to the training part, or pass another --seed if it "
                "splits the folder"
            )
        raise ValueError(
            f"{text}. Replace the values in the masks, which are "
            f"{listed(sorted(values))}, by the numbers of the classes, or name "
            f"only existing classes in {CLASSES}"
            f"{_about_ignored(values, str(absent[0]))}"
        )
    problems.notes.append(f"{text}, so they cannot be learned")


def read_lines(path: Path) -> list[str]:
    """Returns the lines of a text file without surrounding spaces."""
    # Windows editors write a byte order mark: utf-8-sig.
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path}: not a text file ({problem})") from problem
    return [line.strip() for line in text.splitlines()]


def listed(values: Iterable[object]) -> str:
    """Returns the first few values as text."""
    texts = list(map(str, values))
    more = ["..."] if len(texts) > SHOWN else []
    return " ".join([*texts[:SHOWN], *more])


def values_of(mask: np.ndarray) -> list[int]:
    """Returns the unique values of a uint8 mask in order."""
    return np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist()


def _about_ignored(values: set[int], number: str) -> str:
    if IGNORE not in values:
        return ""
    return (
        f". Pixels with {IGNORE} are ignored. If they are a class, replace "
        f"{IGNORE} by {number}"
    )


def _check_count(where: Path, names: list[str], remedy: str = "") -> None:
    if not 2 <= len(names) <= IGNORE:
        raise ValueError(
            f"{where}: must have 2 to {IGNORE} classes. Received: {len(names)}"
            f"{remedy}"
        )
