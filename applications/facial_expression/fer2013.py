"""Reads the FER2013 csv: `emotion,pixels,Usage`."""

import csv
from pathlib import Path

import numpy as np

from applications.common.images import Shape, fit_array
from applications.common.parts import Data, Part
from applications.common.problems import Problems

COLUMNS = ("emotion", "pixels", "Usage")
USAGES = {
    "Training": "train",
    "PublicTest": "validation",
    "PrivateTest": "test",
}
SIDE = 48
CLASSES = 7


def read_fer2013(path: Path, shape: Shape, problems: Problems) -> Data:
    """Reads all three parts; bad rows are named by their line."""
    rows: dict[str, list[tuple[np.ndarray, int, str]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise ValueError(
                    f"{path}: the first row must name the columns "
                    f"{','.join(COLUMNS)}; {','.join(sorted(missing))} missing"
                )
            for row in reader:
                place = f"{path}, row {reader.line_num}"
                try:
                    part, label, pixels = _parse(row)
                except ValueError as problem:
                    problems.add(f"{place}: {problem}")
                    continue
                image = fit_array(pixels, shape)
                rows.setdefault(part, []).append((image, label, place))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise ValueError(f"{path}: not a csv file ({problem})") from problem
    if "train" not in rows:
        raise ValueError(f"{path}: has no good row with the Usage Training")
    # Late, because it imports Keras: bad files are told without waiting.
    from keras_attn.applications.fernet import CLASS_NAMES

    parts = {name: _part(part) for name, part in rows.items()}
    return Data(list(CLASS_NAMES), **parts)


def _parse(row: dict[str, str]) -> tuple[str, int, np.ndarray]:
    if any(row[column] is None for column in COLUMNS):
        raise ValueError(f"has fewer than {len(COLUMNS)} columns")
    if row["Usage"] not in USAGES:
        raise ValueError(
            f"Usage must be one of {', '.join(USAGES)}; it is {row['Usage']!r}"
        )
    emotion = row["emotion"].strip()
    if emotion not in map(str, range(CLASSES)):
        raise ValueError(
            f"emotion must be 0 to {CLASSES - 1}; it is {emotion!r}"
        )
    texts = row["pixels"].split()
    if len(texts) != SIDE * SIDE:
        raise ValueError(
            f"pixels must be {SIDE * SIDE} numbers ({SIDE} x {SIDE}); there "
            f"are {len(texts)}"
        )
    try:
        pixels = bytes(map(int, texts))
    except ValueError:
        raise ValueError("pixels must be whole numbers, 0 to 255") from None
    pixels = np.frombuffer(pixels, "uint8").reshape(SIDE, SIDE)
    return USAGES[row["Usage"]], int(emotion), pixels


def _part(rows: list[tuple[np.ndarray, int, str]]) -> Part:
    images, labels, places = zip(*rows, strict=True)
    return Part(np.array(images), np.array(labels, "int64"), list(places))
