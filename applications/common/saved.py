"""Finds and loads models that a training has saved."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import keras

from applications.common import runs
from keras_attn.weights.shown import is_unsafe_advice, reason


def model_file(path: Path) -> Path:
    """Returns a model's file, or that of a run, given its folder."""
    if path.is_dir():
        path = path / runs.MODEL
    if path.is_dir():
        raise ValueError(f"{path}: a folder, and not the file of a model")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such model")
    return path


def image_shape(path: Path, model: keras.Model) -> tuple:
    """Returns the shape of a model's only input, which must be images.

    Raises:
        ValueError: If it has others, or one that has not four axes.
    """
    inputs = getattr(model, "inputs", None) or []
    shapes = [tuple(each.shape) for each in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            f"{path}: not a classifier of images, whose only input is a batch "
            f"with four axes; the model takes {shapes}"
        )
    return shapes[0]


def check_classes(
    path: Path, model: keras.Model, class_names: Sequence[str]
) -> None:
    """Checks that a model has one output, with a number for each class."""
    outputs = [tuple(each.shape[1:]) for each in model.outputs]
    if outputs != [(len(class_names),)]:
        raise ValueError(
            f"{path}: the model has outputs {outputs}, and there "
            f"are {len(class_names)} class names {list(class_names)}"
        )


def digest(weights: str) -> str:
    """Returns a short text that changes with a file; of `"none"`, that."""
    if weights == "none":
        return weights
    with weights_file(weights).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def weights_file(weights: str) -> Path:
    """Returns the file of the option `--weights`."""
    path = Path(weights)
    if not path.is_file():
        raise ValueError(f"--weights must be a file; there is no {path}")
    return path


def load_model(path: Path) -> keras.Model:
    """Loads a file without what it was compiled with; runs no code in it."""
    try:
        return keras.saving.load_model(path, compile=False)
    # zipfile, h5py and Keras raise whatever broken bytes lead them to.
    except Exception as problem:
        raise ValueError(
            f"{path}: not a model that can be loaded ({reason(problem)})"
        ) from (None if is_unsafe_advice(problem) else problem)
