"""Finds and loads models that a training has saved."""

import hashlib
from pathlib import Path

import keras

from applications.common import runs
from keras_attn.weights.shown import is_unsafe_advice, reason


def model_file(path: Path) -> Path:
    """Returns a model's file, or that of a run, given its folder."""
    if path.is_dir():
        path = path / runs.MODEL
    if not path.is_file():
        raise ValueError(f"{path}: there is no such model")
    return path


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
