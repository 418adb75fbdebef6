"""Computes the features of frozen layers once, and caches them on disk."""

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

    Features are stored in half precision. The rounding is far smaller than
    the effect of dropout on the same numbers. The arrays stay on disk and are
    read on demand.

    Args:
        trunk: Model from images to one or more feature maps.
        scenes: Scenes of the views.
        views: Views to compute features for.
        size: Height and width of a view.
        folder: Folder of the cache; each set of features has a folder in it.
        facts: Other facts that determine the features, such as the data.
            Other facts or weights lead to another folder.
        verbose: Whether to show the progress.

    Raises:
        ValueError: If a feature is too large for half precision.
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
    # Two runs that share a cache may need the same features at once.
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
    """Returns features and masks if they are complete, otherwise `None`."""
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
    """Writes the files, and overwrites those of a killed process."""
    # Otherwise a process that is killed could leave old files with new ones.
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
            # All batches have one size, so that nothing is compiled twice.
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
            "features must fit into half precision. Received: a value of "
            f"{largest}. Use --finetune, which does not store features, or "
            "other --weights"
        )
    return values.astype("float16")
