"""Derives image size, channels and batch size from the data."""

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
# Settings that are derived.
NAMES = ("size", "channels", "batch_size")
# Most files whose headers are read, evenly spread.
SEEN = 500
# Sides are multiples of this, since poolings and patches divide them...
MULTIPLE = 16
# ... except for small images, which have no pixels to spare.
SMALL = 32
# Largest batch by the side of the images, to limit the memory.
LARGEST_BATCHES = {32: 128, 64: 64}
LARGE_BATCH = 32
STEPS = 10
GREY = ("1", "L", "LA", "La", "F")


def shape(options: argparse.Namespace, largest: int) -> dict[str, int]:
    """Returns the `size` and `channels` that the options leave open.

    The size is the median of the shorter sides. There are three channels if
    any image is in colour.

    Args:
        options: Parsed options; `data` is as in `datasets.read_data`.
        largest: Largest size.

    Returns:
        28 and 1 for Fashion-MNIST. Nothing if no header can be read, since
        reading the images then reports the error.
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
    """Returns a power of two, 4 or more, with ten batches if possible."""
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
    """Trains a classifier, with settings derived from the data if not given.

    Args:
        kind: Class of the settings.
        options: Parsed options.
        largest: As in `shape`.
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
    """Returns settings with a batch size, derived if not given."""
    if options.batch_size is not None:
        return config
    found = batch_size(len(data.train), config.size)
    return dataclasses.replace(config, batch_size=found)


def report(config: ImageSettings, options: argparse.Namespace) -> None:
    """Prints the settings that were derived from the data, as options."""
    names = [name for name in NAMES if getattr(options, name) is None]
    if names:
        text = " ".join(f"{flag_of(x)} {getattr(config, x)}" for x in names)
        print(f"derived from the data: {text}")


def _header(path: Path) -> tuple[int, bool] | None:
    """Returns the shorter side of an image, and whether it is in colour."""
    image_module = optional("PIL.Image", "images")
    try:
        with image_module.open(path, formats=formats()) as image:
            return min(image.size), _is_in_colour(image)
    # Broken bytes can raise any exception in Pillow.
    except Exception:
        return None


def _is_in_colour(image: Any) -> bool:
    if image.mode == "P":
        palette = image.getpalette() or []
        return palette[0::3] != palette[1::3] or palette[0::3] != palette[2::3]
    return image.mode not in GREY and not image.mode.startswith("I")
