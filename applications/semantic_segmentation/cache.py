"""What frozen layers see, computed once and kept on disk."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from applications.common import arrays, files, locks
from applications.semantic_segmentation.views import (
    Scene,
    View,
    preprocess,
    read_view,
)

BATCH = 4
DONE = "done.json"
NAME = "features{}.npy"


def features_of(
    trunk: keras.Model,
    scenes: Sequence[Scene],
    views: Sequence[View],
    size: int,
    folder: Path,
    facts: dict,
    verbose: int = 1,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Returns the outputs of frozen layers for each view, and the masks.

    In half precision, 18 bits less than the network computes with: it is far
    finer than what dropout does to the same numbers. The arrays stay on disk
    and are read as they are needed.

    Args:
        trunk: From images to one or more feature maps.
        scenes: What the views are of.
        views: Which pieces.
        size: Height and width of a view.
        folder: Where the features are kept, in a folder of their own.
        facts: What else decides them, such as the data: other facts, and
            other weights, have another folder.
        verbose: Whether to show how far it is.

    Raises:
        ValueError: If a number is too large for half precision.
    """
    data_format = keras.config.image_data_format()
    facts = {
        **facts,
        "size": size,
        "views": [list(view) for view in views],
        "data_format": data_format,
        "outputs": [list(each.shape[1:]) for each in trunk.outputs],
        "weights": _digest(trunk),
    }
    text = json.dumps(facts, sort_keys=True)
    folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
    shapes = [(len(views), *each.shape[1:]) for each in trunk.outputs]
    # Runs share a cache, and two of them may need the same at once.
    with locks.locked(folder, wait=True):
        found = _read(folder, shapes, (len(views), size, size))
        if found is None:
            _compute(trunk, scenes, views, size, folder, verbose)
            files.write_text(folder / DONE, text + "\n")
            found = _read(folder, shapes, (len(views), size, size))
    return found


def _read(
    folder: Path, shapes: list[tuple], masks: tuple
) -> tuple[list[np.ndarray], np.ndarray] | None:
    """Returns features and masks that are whole, or nothing."""
    if not (folder / DONE).exists():
        return None
    found = [arrays.read(folder / "masks.npy", masks, "uint8")]
    for index, shape in enumerate(shapes):
        path = folder / NAME.format(index)
        found.append(arrays.read(path, shape, "float16", mapped=True))
    if any(each is None for each in found):
        return None
    return found[1:], found[0]


def _digest(model: keras.Model) -> str:
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _compute(
    trunk: keras.Model,
    scenes: Sequence[Scene],
    views: Sequence[View],
    size: int,
    folder: Path,
    verbose: int,
) -> None:
    """Writes the files; what a killed process left is written over."""
    # Or a process that dies in between would leave old files with new ones.
    (folder / DONE).unlink(missing_ok=True)
    bar = keras.utils.Progbar(len(views), unit_name="view", verbose=verbose)
    masks = np.empty((len(views), size, size), "uint8")
    with contextlib.ExitStack() as stack:
        appends: list[Callable] = []
        for start in range(0, len(views), BATCH):
            chosen = views[start : start + BATCH]
            pieces = [read_view(scenes, view, size) for view in chosen]
            images, found = map(np.stack, zip(*pieces, strict=True))
            masks[start : start + len(chosen)] = found
            # Always as many, so that nothing is compiled for the last ones.
            images = np.resize(images, (BATCH, *images.shape[1:]))
            ready = preprocess(images, keras.config.image_data_format())
            outputs = trunk.predict_on_batch(ready)
            outputs = outputs if isinstance(outputs, list) else [outputs]
            appends = appends or [
                stack.enter_context(
                    arrays.writing(
                        folder / NAME.format(index),
                        (len(views), *y.shape[1:]),
                        "float16",
                    )
                )
                for index, y in enumerate(outputs)
            ]
            for append, y in zip(appends, outputs, strict=True):
                append(_half(np.asarray(y)[: len(chosen)]))
            bar.update(start + len(chosen))
    with files.replacing(folder / "masks.npy") as partial:
        np.save(partial, masks)


def _half(values: np.ndarray) -> np.ndarray:
    largest = float(np.abs(values).max(initial=0.0))
    if not largest <= float(np.finfo("float16").max):
        raise ValueError(
            f"features of up to {largest} do not fit into half precision: "
            "use --finetune, which keeps none, or other --weights"
        )
    return values.astype("float16")
