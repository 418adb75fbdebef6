"""Image size, channels and batch size that follow from the data."""

import argparse
import dataclasses
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from applications.common import locks, results
from applications.common.datasets import read_for
from applications.common.extras import optional
from applications.common.fashion import has_files
from applications.common.image_settings import ImageSettings
from applications.common.images import formats, image_files
from applications.common.parts import Data
from applications.common.settings import flag_of
from applications.common.training import Run

T = TypeVar("T", bound=ImageSettings)
# The settings.
NAMES = ("size", "channels", "batch_size")
# Files whose headers are read, evenly spread.
SEEN = 500
# Sides are multiples of this, as poolings and patches divide them...
MULTIPLE = 16
# ... but for small images, whose few pixels count.
SMALL = 32
# Images of a batch by their size, where memory begins to count.
LARGEST_BATCHES = {32: 128, 64: 64}
LARGE_BATCH = 32
STEPS = 10
GREY = ("1", "L", "LA", "La", "F")


def shape(options: argparse.Namespace, largest: int) -> dict[str, int]:
    """Returns the `size` and `channels` that no option gives.

    They suit the data: the size is the median of the shorter sides, and there
    are three channels if any image is in colour.

    Args:
        options: Those parsed; `data` is as of `datasets.read_data`.
        largest: The most that the size may be.

    Returns:
        28 and 1 for Fashion-MNIST; nothing where no header can be read: what
        reads the images says what is wrong with them.
    """
    found = _shape(options.data, largest)
    names = [name for name in found if getattr(options, name) is None]
    return {name: found[name] for name in names}


def _shape(source: str | None, largest: int) -> dict[str, int]:
    if source is None or has_files(Path(source)):
        return {"size": 28, "channels": 1}
    if not Path(source).is_dir():
        return {}
    paths = image_files([Path(source)])
    chosen = paths[:: -(-len(paths) // SEEN)]
    seen = [each for each in map(_header, chosen) if each is not None]
    if not seen:
        return {}
    size = min(int(statistics.median(side for side, _ in seen)), largest)
    if size > SMALL:
        size -= size % MULTIPLE
    return {"size": size, "channels": 3 if any(x for _, x in seen) else 1}


def batch_size(images: int, size: int) -> int:
    """Returns a power of two, 4 or more, that gives ten batches if it can."""
    fitting = (most for side, most in LARGEST_BATCHES.items() if size <= side)
    most = next(fitting, LARGE_BATCH)
    found = 4
    while 2 * found <= min(most, images // STEPS):
        found *= 2
    return found


def train(
    kind: type[T],
    options: argparse.Namespace,
    largest: int,
    train_model: Callable[[T, Data, Run], results.Result],
) -> None:
    """Trains a classifier, and chooses by the data what no option gives.

    Args:
        kind: Of the settings.
        options: Those parsed.
        largest: As of `shape`.
        train_model: Function that trains.
    """
    locks.check_free(options.output)
    config = kind.from_options(options, **shape(options, largest))
    data = read_for(config, options)
    config = with_batch_size(config, data, options)
    print(data.summary())
    report(config, options)
    result = train_model(config, data, Run.from_options(options))
    results.report(result, options.output, results.accuracies(result))


def with_batch_size(config: T, data: Data, options: argparse.Namespace) -> T:
    """Returns settings with a batch size, if no option has given it."""
    if options.batch_size is not None:
        return config
    found = batch_size(len(data.train), config.size)
    return dataclasses.replace(config, batch_size=found)


def report(config: ImageSettings, options: argparse.Namespace) -> None:
    """Prints, as options, which settings were chosen by the data."""
    names = [name for name in NAMES if getattr(options, name) is None]
    if names:
        text = " ".join(f"{flag_of(x)} {getattr(config, x)}" for x in names)
        print(f"chosen by the data: {text}")


def _header(path: Path) -> tuple[int, bool] | None:
    """Returns the shorter side of an image, and whether it is in colour."""
    image_module = optional("PIL.Image", "images")
    try:
        with image_module.open(path, formats=formats()) as image:
            return min(image.size), _is_in_colour(image)
    # Pillow's readers raise whatever broken bytes lead them to.
    except Exception:
        return None


def _is_in_colour(image: Any) -> bool:
    if image.mode == "P":
        palette = image.getpalette() or []
        return palette[0::3] != palette[1::3] or palette[0::3] != palette[2::3]
    return image.mode not in GREY and not image.mode.startswith("I")
