"""Finds and loads models that a training has saved."""

import argparse
import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import keras

from applications.common import runs
from applications.common.parts import Divided, check_same_classes, part_of
from applications.common.settings import Settings
from keras_attn.weights.shown import is_unsafe_advice, reason

T = TypeVar("T", bound=Settings)


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A saved network, and what is known about it.

    Attributes:
        model: The network.
        class_names: Of its outputs.
        config: Settings of its run.
        path: Its file, or the folder of its run.
    """

    model: keras.Model
    class_names: list[str]
    config: Any
    path: Path

    @property
    def data_format(self) -> str:
        """Where the channels are; of images, they are one or three."""
        shape = self.model.input_shape
        first, last = (shape[axis] in (1, 3) for axis in (1, 3))
        if first == last:
            layers = layers_of(self.model)
            formats = {getattr(each, "data_format", None) for each in layers}
            first = "channels_first" in formats
            first = first and "channels_last" not in formats
        return "channels_first" if first else "channels_last"

    @property
    def shape(self) -> tuple[int | None, int | None, int | None]:
        """Height, width and channels of the images that it reads."""
        shape = self.model.input_shape[1:]
        if self.data_format == "channels_first":
            return (*shape[1:], shape[0])
        return shape

    def part(self, data: Divided, options: argparse.Namespace) -> Any:
        """Returns `--part` of data that have the network's classes.

        Warns if they are those of the run and have changed since.
        """
        folder = runs.folder_of(self.path)
        if options.data is None and (folder / runs.FACTS).exists():
            runs.check_data(folder, data.digest())
        check_same_classes(self.path, self.class_names, data.class_names)
        return part_of(data, options.part)


def layers_of(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields the layers of a model, and those of models in it."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def image_model(path: Path) -> keras.Model:
    """Loads a file with a model whose only input is images."""
    model = load_model(path)
    inputs = getattr(model, "inputs", None) or []
    shapes = [tuple(each.shape) for each in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            f"{path}: not a classifier of images, whose only input is a batch "
            f"with four axes; the model takes {shapes}"
        )
    return model


def facts_of(
    path: Path, kind: type[T], why: str = ""
) -> tuple[dict[str, Any], T]:
    """Returns what the run of a model was started with, and its settings.

    Args:
        path: Of the model.
        kind: Of the settings.
        why: What the facts are for, for the error where there are none.
    """
    file = path.parent / runs.FACTS
    if not file.exists():
        raise ValueError(f"{path}: no {runs.FACTS} lies beside it{why}")
    facts = runs.read(path.parent)
    return facts, kind.from_dict(facts["settings"], file)


def model_file(path: Path) -> Path:
    """Returns a model's file, or that of a run, given its folder."""
    if path.is_dir():
        path = path / runs.MODEL
    if path.is_dir():
        raise ValueError(f"{path}: a folder, and not the file of a model")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such model")
    return path


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


def digest(weights: str, kinds: str = "a file") -> str:
    """Returns a short text that changes with a file; of `"none"`, that.

    Args:
        weights: The option `--weights`.
        kinds: What it may be, for the error.
    """
    if weights == "none":
        return weights
    with weights_file(weights, kinds).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def weights_file(weights: str, kinds: str = "a file") -> Path:
    """Returns the file of the option `--weights`; see `digest`."""
    path = Path(weights)
    if not path.is_file():
        raise ValueError(f"--weights must be {kinds}; there is no {path}")
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
