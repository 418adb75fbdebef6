"""Loads any saved classifier."""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

# Registers the layers that a saved model can have.
import keras_attn  # noqa: F401
from applications.common import runs, saved
from applications.common.classifiers import Classifier
from applications.image_classification import packaged
from applications.image_classification.classes import class_names
from applications.image_classification.classifier_options import (
    INPUT_RANGES,
    NETWORKS,
)
from applications.image_classification.config import DEFAULT_RUN
from applications.image_classification.ranges import known_range, scaled


def load_for(options: argparse.Namespace) -> Classifier:
    """Loads the classifier that the options of a command select."""
    # A file or folder with that name takes precedence.
    is_packaged = str(options.model) in NETWORKS and not options.model.exists()
    load = load_packaged if is_packaged else load_classifier
    return load(
        options.model, options.size, options.input_range, options.class_names
    )


def load_packaged(
    name: Path | str,
    size: tuple[int, int] | None = None,
    input_range: str | None = None,
    names: Sequence[str] | None = None,
) -> Classifier:
    """Loads a network of an installed package.

    Args:
        name: One of `classifier_options.NETWORKS`.
        size: As in `load_classifier`; `None` for the size of the network.
        input_range: As in `load_classifier`; `None` for the network's own.
        names: As in `load_classifier`; `None` for those of the package.

    Returns:
        The classifier. Its `path` is a folder in `runs`, not the package.
    """
    found = getattr(packaged, NETWORKS[str(name)])()
    return _classifier(
        found.read(found.path),
        Path(DEFAULT_RUN).with_name(str(name)),
        size or found.size,
        input_range or found.input_range,
        names or found.class_names,
    )


def load_classifier(
    path: Path,
    size: tuple[int, int] | None = None,
    input_range: str | None = None,
    names: Sequence[str] | None = None,
) -> Classifier:
    """Loads a `.keras`, `.h5` or `.hdf5` file.

    Args:
        path: The file, or the folder of a run. Code in the file is not run.
        size: Height and width of the images, for a model that takes any size.
        input_range: One of `INPUT_RANGES`; `None` to infer it from the first
            layer of the model.
        names: Names of the classes, or one file with them; `None` for those
            of the run, or indices without a run.

    Returns:
        The classifier. Its `config` has the saved settings of the run, if any.

    Raises:
        ValueError: If the model is not an image classifier, or if its input
            range is unknown.
    """
    path = saved.model_file(path)
    # A model can be in any folder, next to any file.
    is_run = path.name == runs.MODEL and (path.parent / runs.FACTS).exists()
    facts = runs.read(path.parent) if is_run else {}
    return _classifier(
        saved.image_model(path),
        path,
        size,
        input_range,
        names or facts.get("class_names"),
        facts.get("settings", {}),
    )


def _classifier(
    model: keras.Model,
    path: Path,
    size: tuple[int, int] | None,
    input_range: str | None,
    names: Sequence[str] | None,
    settings: dict[str, Any] | None = None,
) -> Classifier:
    """Returns a model with the settings of its images."""
    loaded = saved.Loaded(model, [], {}, path)
    size = _size(loaded, size)
    input_range = input_range or known_range(model)
    if input_range is None:
        raise ValueError(
            f"{path}: the input range of the model is unknown, and a wrong one "
            "gives wrong predictions. Pass --input-range, one of "
            f"{' '.join(INPUT_RANGES)}"
        )
    if input_range in ("imagenet", "caffe") and loaded.shape[2] == 1:
        raise ValueError(
            f"{path}: --input-range must be for grey images, as the model "
            f"reads. Received: {input_range}, which is for colour images"
        )
    return Classifier(
        model,
        # A model without classes raises an error when it predicts.
        class_names(names, (0, *model.outputs[0].shape)[-1] or 0),
        settings or {},
        path,
        functools.partial(scaled, input_range=input_range),
        size,
        names is not None,
    )


def _size(
    loaded: saved.Loaded, size: tuple[int, int] | None
) -> tuple[int, int]:
    """Returns height and width of the images."""
    *own, channels = loaded.shape
    if channels not in (None, 1, 3):
        raise ValueError(
            f"{loaded.path}: the model must read images with 1 or 3 channels. "
            f"Received: a model for {channels} channels"
        )
    chosen = size or own
    if None in chosen or min(chosen) < 1:
        raise ValueError(
            f"{loaded.path}: the model takes images of any size. Pass --size "
            f"with height and width, such as 224 224. Received: {size}"
        )
    for wanted, given in zip(own, chosen, strict=True):
        if wanted not in (None, given):
            raise ValueError(
                f"{loaded.path}: --size must be {own}, the height and width of "
                f"the model. Received: {list(chosen)}"
            )
    return chosen
