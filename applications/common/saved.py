"""Finds and loads saved models."""

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
    """Saved network, with its class names and settings.

    Attributes:
        model: The network.
        class_names: Names of the outputs.
        config: Settings of the run.
        path: File of the network, or folder of the run.
    """

    model: keras.Model
    class_names: list[str]
    config: Any
    path: Path

    @property
    def data_format(self) -> str:
        """Data format of the images, which have one or three channels."""
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
        """Height, width and channels of the images that the model reads."""
        shape = self.model.input_shape[1:]
        if self.data_format == "channels_first":
            return (*shape[1:], shape[0])
        return shape

    def part(self, data: Divided, options: argparse.Namespace) -> Any:
        """Returns `--part` of data that has the classes of the network.

        Prints a warning if the data of the run has changed.
        """
        folder = runs.folder_of(self.path)
        if options.data is None and (folder / runs.FACTS).exists():
            runs.check_data(folder, data.digest())
        check_same_classes(self.path, self.class_names, data.class_names)
        return part_of(data, options.part)


def layers_of(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields the layers of a model, including those of nested models."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def image_model(path: Path) -> keras.Model:
    """Loads a file with a model whose only input is a batch of images."""
    model = load_model(path)
    inputs = getattr(model, "inputs", None) or []
    shapes = [tuple(each.shape) for each in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            f"{path}: an image classifier must have one input with four axes. "
            f"Received: a model with inputs {shapes}"
        )
    return model


def facts_of(
    path: Path, kind: type[T], why: str = ""
) -> tuple[dict[str, Any], T]:
    """Returns the facts and the settings of the run of a model.

    Args:
        path: File of the model.
        kind: Class of the settings.
        why: Why the facts are needed, for the error if they are missing.
    """
    file = path.parent / runs.FACTS
    if not file.exists():
        raise ValueError(f"{path}: there is no {runs.FACTS} next to it{why}")
    facts = runs.read(path.parent)
    return facts, kind.from_dict(facts["settings"], file)


def model_file(path: Path) -> Path:
    """Returns the file of a model, given the file or the folder of a run."""
    if path.is_dir():
        path = path / runs.MODEL
    if path.is_dir():
        raise ValueError(f"{path}: a folder, not the file of a model")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such model")
    return path


def check_classes(
    path: Path, model: keras.Model, class_names: Sequence[str]
) -> None:
    """Checks that a model has one output, with one value per class."""
    outputs = [tuple(each.shape[1:]) for each in model.outputs]
    if outputs != [(len(class_names),)]:
        raise ValueError(
            f"{path}: the model has outputs {outputs}, but there are "
            f"{len(class_names)} class names {list(class_names)}"
        )


def digest(weights: str, kinds: str = "a file") -> str:
    """Returns a short digest of a file, or `"none"` for `"none"`.

    Args:
        weights: The option `--weights`.
        kinds: Allowed values of the option, for the error.
    """
    if weights == "none":
        return weights
    with weights_file(weights, kinds).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def weights_file(weights: str, kinds: str = "a file") -> Path:
    """Returns the file of the option `--weights`; see `digest`."""
    path = Path(weights)
    if not path.is_file():
        raise ValueError(
            f"--weights must be {kinds}. Received: {path}, which does not exist"
        )
    return path


def load_model(path: Path) -> keras.Model:
    """Loads a model without compiling it, and without running code in it."""
    try:
        return keras.saving.load_model(path, compile=False)
    # Broken bytes can raise any exception in zipfile, h5py and Keras.
    except Exception as problem:
        raise ValueError(
            f"{path}: not a model that can be loaded ({reason(problem)})"
        ) from (None if is_unsafe_advice(problem) else problem)
