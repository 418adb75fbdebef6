"""Reads IDX files, the format of MNIST and Fashion-MNIST."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from applications.common.parts import Part

CLASSES = 10
# Two zero bytes and the type, 8 for uint8; the number of axes follows.
_BYTES = b"\x00\x00\x08"
# 256 MiB, five times the largest of these files.
_MOST = 1 << 28


def read_idx(path: Path, axes: int) -> np.ndarray:
    """Reads a uint8 array with this number of axes from a `.gz` file."""
    try:
        with gzip.open(path) as file:
            content = file.read(_MOST + 1)
    except FileNotFoundError as problem:
        raise ValueError(f"{path}: there is no such file") from problem
    except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
        raise ValueError(
            f"{path}: not a complete gzip file ({problem})"
        ) from problem
    if len(content) > _MOST:
        raise ValueError(f"{path}: contains more than {_MOST} bytes")
    magic = _BYTES + bytes([axes])
    if content[:4] != magic:
        raise ValueError(
            f"{path}: must begin with the bytes {magic.hex()}, for uint8 and "
            f"{axes} axes. Received: {content[:4].hex() or 'an empty file'}"
        )
    start = 4 + 4 * axes
    if len(content) < start:
        raise ValueError(f"{path}: ends within its {axes} sizes")
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    count = math.prod(shape)
    if len(content) - start != count:
        raise ValueError(
            f"{path}: must have {count} bytes after its sizes {shape}. "
            f"Received: {len(content) - start}"
        )
    return np.frombuffer(content, "uint8", offset=start).reshape(shape)


def read_part(images: Path, labels: Path) -> Part:
    """Reads grey images and their labels."""
    pictures, classes = read_idx(images, 3), read_idx(labels, 1)
    if not len(pictures) or not all(pictures.shape):
        raise ValueError(
            f"{images}: has no images; its sizes are {pictures.shape}"
        )
    if len(pictures) != len(classes):
        raise ValueError(
            f"{images}: has {len(pictures)} images, but {labels} has "
            f"{len(classes)} labels"
        )
    if classes.max() >= CLASSES:
        wrong = int(classes.argmax())
        raise ValueError(
            f"{labels}: labels must be 0 to {CLASSES - 1}. Received: "
            f"{classes[wrong]} as label {wrong}"
        )
    return as_part(pictures, classes, images.name)


def as_part(images: np.ndarray, labels: np.ndarray, name: str) -> Part:
    """Returns grey images `(n, height, width)` as a part, numbered."""
    sources = [f"{name}, {index}" for index in range(len(images))]
    return Part(images[..., None], labels.astype("int64"), sources)
