"""Loads any saved classifier."""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

# Registers the layers that a saved model may have.
import keras_attn  # noqa: F401
from applications.common import runs, saved
from applications.common.classifiers import Classifier
from applications.image_classification.classes import class_names
from applications.image_classification.parsers import INPUT_RANGES
from applications.image_classification.ranges import known_range, scaled


def load_for(options: argparse.Namespace) -> Classifier:
    """Loads the classifier that a command is about."""
    return load_classifier(
        options.model, options.size, options.input_range, options.class_names
    )


def load_classifier(
    path: Path,
    size: tuple[int, int] | None = None,
    input_range: str | None = None,
    names: Sequence[str] | None = None,
) -> Classifier:
    """Loads a `.keras`, `.h5` or `.hdf5` file.

    Args:
        path: The file, or the folder of a run; code in it is not run.
        size: Height and width of the images, for a model that takes any.
        input_range: One of `parsers.INPUT_RANGES`; `None` for that which the
            first layer of the model tells.
        names: Of the classes, or one file of them; `None` for those of the
            run, or if there is none, indices.

    Returns:
        The classifier. Its `config` is what the run has saved, or nothing.

    Raises:
        ValueError: If this is no classifier of images, or if nothing tells
            which input range it was trained with.
    """
    path = saved.model_file(path)
    model = saved.image_model(path)
    loaded = saved.Loaded(model, [], {}, path)
    size = _size(loaded, size)
    input_range = input_range or known_range(model)
    if input_range is None:
        raise ValueError(
            f"{path}: the file does not tell which pixels the model was "
            "trained with, and with others it answers wrongly: give "
            f"--input-range, one of {' '.join(INPUT_RANGES)}"
        )
    if input_range in ("imagenet", "caffe") and loaded.shape[2] == 1:
        raise ValueError(
            f"{path}: the model reads grey images, and the input range "
            f"{input_range} is of colours"
        )
    # A model may lie in any folder, beside anything.
    is_run = path.name == runs.MODEL and (path.parent / runs.FACTS).exists()
    facts = runs.read(path.parent) if is_run else {}
    names = names or facts.get("class_names")
    return Classifier(
        model,
        # What has no classes is refused where it is run.
        class_names(names, (0, *model.outputs[0].shape)[-1] or 0),
        facts.get("settings", {}),
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
            f"{loaded.path}: images are grey or in colours, and the model "
            f"reads {channels} channels"
        )
    chosen = size or own
    if None in chosen or min(chosen) < 1:
        raise ValueError(
            f"{loaded.path}: the model takes images of any size; --size must "
            f"say which, as 224 224; it is {size}"
        )
    for wanted, given in zip(own, chosen, strict=True):
        if wanted not in (None, given):
            raise ValueError(
                f"{loaded.path}: the model takes images of {own}, height and "
                f"width, and --size is {list(chosen)}"
            )
    return chosen
