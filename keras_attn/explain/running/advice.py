"""Errors and hints for inputs that are not a batch of images."""

from typing import Any

import keras
import numpy as np


def hint(model: keras.Model, shapes: list[tuple]) -> str:
    """Returns a hint for inputs that contain no batch of images."""
    declared = [len(x.shape) for x in getattr(model, "inputs", None) or []]
    ranks = declared or [len(shape) for shape in shapes]
    if 4 not in ranks and any(rank in (3, 5) for rank in ranks):
        single = "" if declared else ". For a single image, pass `images[None]`"
        what = "sequences (1D)"
        if 5 in ranks:
            what = "volumes (3D) or video frames"
        return f". Models for {what} are not supported{single}"
    if any(len(shape) == 3 for shape in shapes):
        return ". For a single image, pass `images[None]`"
    return ""


def advise(model: keras.Model, images: Any) -> None:
    """Rejects common mistakes in `images`, with advice on what to pass.

    Raises:
        ValueError: If `images` is a Pillow image, a list of arrays or a
            dataset.
    """
    name = f"{type(images).__module__}.{type(images).__qualname__}"
    if name.startswith("PIL."):
        raise ValueError(
            "`images` must be a batch of arrays. Received: a Pillow image, "
            f"{name}. Pass `np.asarray(image)[None]`, resized and scaled as "
            "the model expects"
        )
    if isinstance(images, (list, tuple)):
        single = len(getattr(model, "inputs", None) or []) == 1
        shapes = [getattr(x, "shape", ()) for x in images]
        if all(len(x) == 3 for x in shapes) or (single and len(images) > 1):
            raise ValueError(
                "`images` must hold one array for each input of the model. "
                f"Received: a {type(images).__name__} of {len(images)} arrays "
                f"of shapes {shapes[:4]}. Pass `np.stack(images)`"
            )
    known = isinstance(images, (list, tuple, dict, np.ndarray))
    if known or keras.ops.is_tensor(images) or hasattr(images, "__array__"):
        return
    if hasattr(images, "__iter__") or hasattr(images, "__getitem__"):
        raise ValueError(
            "`images` must be a batch of arrays. Received: a dataset or "
            f"iterator, {name}. Pass a single batch without labels: "
            "`images, labels = next(iter(dataset))`"
        )
