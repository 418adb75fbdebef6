"""What frozen layers see, computed once and kept on disk."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from applications.common import files
from applications.semantic_segmentation.views import (
    Scene,
    View,
    preprocess,
    read_view,
)

BATCH = 4
DONE = "done.json"


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
    names = [f"features{i}.npy" for i in range(len(trunk.outputs))]
    if not (folder / DONE).exists():
        _compute(trunk, scenes, views, size, folder, names, verbose)
        files.write_text(folder / DONE, text + "\n")
    masks = np.load(folder / "masks.npy")
    return [np.load(folder / name, mmap_mode="r") for name in names], masks


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
    names: Sequence[str],
    verbose: int,
) -> None:
    """Writes the files; what a killed process left is written over."""
    folder.mkdir(parents=True, exist_ok=True)
    bar = keras.utils.Progbar(len(views), unit_name="view", verbose=verbose)
    arrays: list[np.ndarray] = []
    masks = np.empty((len(views), size, size), "uint8")
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
        arrays = arrays or [
            np.lib.format.open_memmap(
                folder / name, "w+", "float16", (len(views), *y.shape[1:])
            )
            for name, y in zip(names, outputs, strict=True)
        ]
        for array, y in zip(arrays, outputs, strict=True):
            _store(array, start, np.asarray(y)[: len(chosen)])
        bar.update(start + len(chosen))
    for array in arrays:
        array.flush()
    with files.replacing(folder / "masks.npy") as partial:
        np.save(partial, masks)


def _store(array: np.ndarray, start: int, values: np.ndarray) -> None:
    largest = float(np.abs(values).max(initial=0.0))
    if not largest <= float(np.finfo("float16").max):
        raise ValueError(
            f"features of up to {largest} do not fit into half precision: "
            "use --finetune, which keeps none, or other --weights"
        )
    array[start : start + len(values)] = values
