"""Reads the FER2013 csv: `emotion,pixels,Usage`."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from applications.common.images import Shape, fit_array
from applications.common.parts import Data, Part
from applications.common.problems import Problems
from keras_attn.applications.fernet import CLASS_NAMES

COLUMNS = ("emotion", "pixels", "Usage")
USAGES = {
    "Training": "train",
    "PublicTest": "validation",
    "PrivateTest": "test",
}
SIDE = 48
# In some countries, spreadsheets separate columns by semicolons.
DELIMITERS = ",;\t"


def read_fer2013(path: Path, shape: Shape, problems: Problems) -> Data:
    """Reads all three parts; errors name the line of a bad row.

    The columns can be in any order, with others between them. Names of
    columns, parts and classes can be in any case and have spaces around them.
    """
    rows: dict[str, list[tuple[np.ndarray, int, str]]] = {}
    names: list[str] = []
    try:
        # Excel writes a byte order mark: utf-8-sig.
        with path.open(newline="", encoding="utf-8-sig") as file:
            for place, row in _rows(path, file):
                names = names or list(CLASS_NAMES)
                try:
                    part, label, pixels = _parse(row, names)
                except ValueError as problem:
                    problems.add(f"{place}: {problem}")
                    continue
                image = fit_array(pixels, shape)
                rows.setdefault(part, []).append((image, label, place))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise ValueError(f"{path}: not a csv file ({problem})") from problem
    if "train" not in rows:
        raise ValueError(f"{path}: has no valid row with the Usage Training")
    return Data(names, **{name: _part(part) for name, part in rows.items()})


def _rows(path: Path, file: TextIO) -> Iterator[tuple[str, list[str]]]:
    """Yields the place of each row, and its cells in the order of `COLUMNS`.

    Missing cells of a short row are left out.
    """
    header, above = "", 0
    while not header.strip() and (line := file.readline()):
        header, above = line, above + 1
    delimiter = max(DELIMITERS, key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    keys = [name.strip().lower() for name in names]
    for words, is_bad in (
        ("missing", lambda count: count < 1),
        ("repeated", lambda count: count > 1),
    ):
        bad = [name for name in COLUMNS if is_bad(keys.count(name.lower()))]
        if bad:
            raise ValueError(
                f"{path}: the first row must name each of the columns "
                f"{','.join(COLUMNS)} once. Received: "
                f"{header.strip()[:200]!r}, with {','.join(sorted(bad))} "
                f"{words}"
            )
    places = [keys.index(name.lower()) for name in COLUMNS]
    reader = csv.reader(file, delimiter=delimiter)
    for cells in filter(None, reader):
        row = [cells[i].strip() for i in places if i < len(cells)]
        yield f"{path}, row {above + reader.line_num}", row


def _parse(
    row: list[str], class_names: list[str]
) -> tuple[str, int, np.ndarray]:
    if len(row) < len(COLUMNS):
        raise ValueError(f"has fewer than {len(COLUMNS)} columns")
    emotion, texts, usage = row
    parts = {name.lower(): part for name, part in USAGES.items()}
    if usage.lower() not in parts:
        raise ValueError(
            f"Usage must be one of {', '.join(USAGES)}. Received: {usage!r}"
        )
    pixels = texts.split()
    if len(pixels) != SIDE * SIDE:
        raise ValueError(
            f"pixels must be {SIDE * SIDE} numbers ({SIDE} x {SIDE}). "
            f"Received: {len(pixels)}"
        )
    try:
        values = bytes(map(int, pixels))
    except ValueError:
        raise ValueError("pixels must be integers from 0 to 255") from None
    image = np.frombuffer(values, "uint8").reshape(SIDE, SIDE)
    return parts[usage.lower()], _label(emotion, class_names), image


def _label(text: str, names: list[str]) -> int:
    """Returns the number of a class that is given by number or name."""
    if text.lower() in names:
        return names.index(text.lower())
    try:
        # Tables with missing values contain floats, such as 3.0.
        number = float(text)
    except ValueError:
        number = -1.0
    if number not in range(len(names)):
        raise ValueError(
            f"emotion must be 0 to {len(names) - 1} or one of "
            f"{', '.join(names)}. Received: {text!r}"
        )
    return int(number)


def _part(rows: list[tuple[np.ndarray, int, str]]) -> Part:
    images, labels, places = zip(*rows, strict=True)
    return Part(np.array(images), np.array(labels, "int64"), list(places))
