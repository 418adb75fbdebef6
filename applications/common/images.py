"""Reads image files of many formats into arrays of one size."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from applications.common.extras import optional
from applications.common.pixels import Unsuitable, plain
from applications.common.problems import Problems

# Formats that Pillow may read, whatever the ending of a file. For some others,
# such as EPS, Pillow starts a program that runs the file.
FORMATS = "AVIF BMP GIF ICO JPEG JPEG2000 MPO PNG PPM TGA TIFF WEBP".split()
# Endings of images, including other formats, which raise an error instead of
# being skipped.
ENDINGS = frozenset(
    """.apng .avif .bmp .dib .gif .icb .ico .j2c .j2k .jfif .jp2 .jpe .jpeg
    .jpf .jpg .jpx .mpo .pbm .pfm .pgm .png .pnm .ppm .tga .tif .tiff .vda .vst
    .webp .arw .cr2 .cr3 .dcm .dng .eps .exr .hdr .heic .heif .jxl .nef .npy
    .pcx .psd .svg""".split()
)
S, T = TypeVar("S"), TypeVar("T")
# (height, width, channels)
Shape = tuple[int | None, int | None, int]


def image_files(given: Sequence[Path]) -> list[Path]:
    """Returns the given files, and the files below given folders."""
    found: list[Path] = []
    problems = Problems()
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        files = sorted(filter(Path.is_file, path.rglob("[!.]*")))
        # Hidden folders, such as .ipynb_checkpoints, contain copies.
        parts = (each.relative_to(path).parts for each in files)
        is_shown = [not any(name[0] == "." for name in each) for each in parts]
        inside = without_strays(list(compress(files, is_shown)), problems)
        if not inside:
            raise ValueError(f"{path}: the folder has no images")
        found += inside
    problems.report()
    return found


def without_strays(paths: Sequence[Path], problems: Problems) -> list[Path]:
    """Returns files without those such as Thumbs.db, which are counted.

    A file is left out if neither its name nor its content is that of an image.
    If only one of the two is, it is a damaged or renamed image.
    """
    kept = []
    for path in paths:
        named = path.suffix.lower() in ENDINGS
        # Reading reports a folder or a pipe.
        if named or not path.is_file() or not _is_stray(path):
            kept.append(path)
        else:
            problems.strays.append(path)
    return kept


def _is_stray(path: Path) -> bool:
    image_module = optional("PIL.Image", "images")
    try:
        with image_module.open(path, formats=formats()):
            return False
    except image_module.UnidentifiedImageError:
        return True
    # Reading reports this error.
    except Exception:
        return False


def read_files(
    paths: Sequence[Path], shape: Shape, skip_bad: bool, workers: int
) -> tuple[np.ndarray, list[str]]:
    """Reads files as `read_images` does, and reports those that are skipped.

    Args:
        paths: The files.
        shape: As in `read_images`.
        skip_bad: Whether to skip files that cannot be read.
        workers: As in `read_images`.

    Returns:
        The images, and the names of their files.
    """
    problems = Problems(skip_bad)
    images, kept = read_images(paths, shape, problems, workers)
    problems.report()
    if not kept:
        raise ValueError("none of the files is an image")
    return images, [str(paths[index]) for index in kept]


def read_images(
    paths: Sequence[Path],
    shape: Shape,
    problems: Problems,
    workers: int = 1,
) -> tuple[np.ndarray, list[int]]:
    """Reads files into one uint8 array.

    Returns:
        The images `(n, height, width, channels)` in [0, 255], and their
        positions in `paths`.
    """
    found = read_all(
        paths, lambda path: read_image(path, shape), problems, workers
    )
    images = [image for _, image in found]
    kept = [index for index, _ in found]
    return np.array(images, "uint8").reshape((-1, *shape)), kept


def read_all(
    items: Sequence[S],
    read: Callable[[S], T],
    problems: Problems,
    workers: int = 1,
) -> list[tuple[int, T]]:
    """Reads items in threads; returns positions and results of the good ones.

    Args:
        items: Items to read.
        read: Function that raises a `ValueError` for a bad item.
        problems: Collects the bad items.
        workers: Number of threads.
    """
    image_module = optional("PIL.Image", "images")

    def attempt(item: S) -> T | ValueError:
        try:
            return read(item)
        except ValueError as problem:
            return problem

    found = []
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(max(1, workers)) as pool,
    ):
        # An image that claims billions of pixels is an attack or broken.
        warnings.simplefilter("error", image_module.DecompressionBombWarning)
        for index, result in enumerate(pool.map(attempt, items)):
            if isinstance(result, ValueError):
                problems.add(str(result))
            else:
                found.append((index, result))
    return found


def read_with(path: Path, use: Callable[[Any], T]) -> T:
    """Applies a function to the image in a file, and returns the result.

    The function has to load the pixels, since this discards some metadata.

    Raises:
        ValueError: If the file does not exist or cannot be read.
    """
    image_module = optional("PIL.Image", "images")
    if not path.exists():
        raise ValueError(f"{path}: there is no such file")
    # Opening a pipe would block.
    if not path.is_file():
        raise ValueError(f"{path}: not a readable image (not a file)")
    try:
        with image_module.open(path, formats=formats()) as image:
            return use(image)
    except Unsuitable as problem:
        raise ValueError(f"{path}: {problem}") from None
    # Broken bytes can raise any exception in Pillow.
    except Exception as problem:
        raise ValueError(
            f"{path}: not a readable image ({type(problem).__name__}: "
            f"{problem})"
        ) from problem


def read_image(path: Path, shape: Shape) -> np.ndarray:
    """Reads one file upright, in grey or colour by the channels of `shape`.

    `None` for height and width keeps the size of the image.
    """
    return read_with(path, lambda image: fit_image(image, shape))


def read_picture(path: Path) -> np.ndarray:
    """Reads one file in colour at its own size, unless that is huge."""
    image_module = optional("PIL.Image", "images")
    with warnings.catch_warnings():
        warnings.simplefilter("error", image_module.DecompressionBombWarning)
        return read_image(path, (None, None, 3))


def read_pictures(
    paths: Iterable[Path], problems: Problems
) -> Iterator[tuple[Path, np.ndarray]]:
    """Yields files and their pictures one at a time, and reports bad files.

    Raises:
        ValueError: At the end, if no file is a picture.
    """
    is_empty = True
    for path in paths:
        try:
            image = read_picture(path)
        except ValueError as problem:
            problems.add(str(problem))
            continue
        is_empty = False
        yield path, image
    problems.report()
    if is_empty:
        raise ValueError("none of the files is an image")


def fit_array(image: np.ndarray, shape: Shape) -> np.ndarray:
    """Resizes a grey uint8 array `(height, width)` to a shape."""
    return fit_image(optional("PIL.Image", "images").fromarray(image), shape)


def fit_image(image: Any, shape: Shape) -> np.ndarray:
    """Converts an image that is not loaded to a uint8 array of a shape."""
    array, _ = fit_turned(image, shape)
    return array


def fit_turned(image: Any, shape: Shape) -> tuple[np.ndarray, int]:
    """Returns the array of `fit_image`, and the EXIF orientation."""
    height, width, channels = shape
    image, turned = plain(image)
    image = image.convert("L" if channels == 1 else "RGB")
    if height is None:
        height, width = image.height, image.width
    if image.size != (width, height):
        bilinear = optional("PIL.Image", "images").Resampling.BILINEAR
        image = image.resize((width, height), bilinear)
    return np.asarray(image).reshape((height, width, channels)), turned


def formats() -> list[str]:
    """Returns the formats that this build of Pillow supports."""
    image_module = optional("PIL.Image", "images")
    image_module.init()
    return [each for each in FORMATS if each in image_module.OPEN]
