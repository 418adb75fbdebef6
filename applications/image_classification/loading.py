"""Loads a classifier, and prepares what it reads."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

# Registers the layers that a saved model may have.
import keras_attn  # noqa: F401
from applications.common import runs, saved
from applications.common.images import Shape
from applications.image_classification.classes import class_names
from applications.image_classification.config import Config
from applications.image_classification.parsers import INPUT_RANGES
from applications.image_classification.ranges import (
    known_range,
    layers_of,
    scaled,
)


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A saved classifier, and the images that it reads.

    Attributes:
        path: Its file.
        model: Reads prepared images.
        shape: Height, width and channels of these.
        data_format: Where the channels are.
        input_range: What pixels of 0 to 255 become.
        facts: What the run was started with that has trained it, or nothing.
    """

    path: Path
    model: keras.Model
    shape: Shape
    data_format: str
    input_range: str
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    def settings(self) -> Config | None:
        """Returns those of its run, if that was of this task.

        Raises:
            ValueError: If they are damaged.
        """
        found = self.facts.get("settings", {})
        # A setting that no other task has.
        if "network" not in found:
            return None
        return Config.from_dict(found, self.path.parent / runs.FACTS)

    def class_names(self, given: Sequence[str] | None, count: int) -> list[str]:
        """Returns a name for each class; see `classes.class_names`.

        Args:
            given: As there; `None` for those of the run, if there is one.
            count: Number of classes.
        """
        if given is None:
            given = self.facts.get("class_names")
        return class_names(given, count)

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Makes of uint8 images, channels last, what the model reads."""
        ready = scaled(images, self.input_range)
        if self.data_format == "channels_first":
            return np.moveaxis(ready, -1, 1)
        return ready

    def predict(self, images: np.ndarray, batch_size: int) -> np.ndarray:
        """Returns probabilities for uint8 images, channels last.

        A few batches are prepared at a time: as float32 they are four times
        as large.
        """
        step = 16 * batch_size
        return np.concatenate(
            [
                self.probabilities(
                    self.prepare(images[start : start + step]), batch_size
                )
                for start in range(0, len(images), step)
            ]
        )

    def probabilities(self, ready: np.ndarray, batch_size: int) -> np.ndarray:
        """Returns an array `(images, classes)` for prepared images."""
        scores = self.model.predict(ready, batch_size=batch_size, verbose=0)
        if getattr(scores, "shape", ())[:-1] != (len(ready),):
            shapes = keras.tree.map_structure(np.shape, scores)
            raise ValueError(
                f"{self.path}: not a classifier, which has one output (batch, "
                f"classes); the model returns {shapes}"
            )
        scores = np.asarray(scores, "float32")
        last = getattr(self.model.layers[-1], "activation", None)
        if last is keras.activations.sigmoid or _sums_to_one(scores):
            return scores
        if scores.shape[1] == 1:
            return 1 / (1 + np.exp(-scores))
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def load_classifier(
    path: Path,
    size: tuple[int, int] | None = None,
    input_range: str | None = None,
) -> Classifier:
    """Loads a `.keras`, `.h5` or `.hdf5` file.

    Args:
        path: The file, or the folder of a run; code in it is not run.
        size: Height and width of the images, for a model that takes any.
        input_range: One of `parsers.INPUT_RANGES`; `None` for that which the
            first layer of the model tells.

    Raises:
        ValueError: If this is no classifier of images, or if nothing tells
            which input range it was trained with.
    """
    path = saved.model_file(path)
    model = saved.load_model(path)
    whole = saved.image_shape(path, model)
    data_format = _data_format(model, whole)
    shape = _image_shape(path, whole, data_format, size)
    input_range = input_range or known_range(model)
    if input_range is None:
        raise ValueError(
            f"{path}: the file does not tell which pixels the model was "
            "trained with, and with others it answers wrongly: give "
            f"--input-range, one of {' '.join(INPUT_RANGES)}"
        )
    if input_range in ("imagenet", "caffe") and shape[2] != 3:
        raise ValueError(
            f"{path}: the model reads grey images, and the input range "
            f"{input_range} is of colours"
        )
    # A model may lie in any folder, beside anything.
    is_run = path.name == runs.MODEL and (path.parent / runs.FACTS).exists()
    facts = runs.read(path.parent) if is_run else {}
    return Classifier(path, model, shape, data_format, input_range, facts)


def _data_format(model: keras.Model, shape: tuple) -> str:
    """Tells where the channels are; of an image, they are one or three."""
    first, last = (shape[axis] in (1, 3) for axis in (1, 3))
    if first == last:
        formats = {getattr(x, "data_format", None) for x in layers_of(model)}
        first = "channels_first" in formats and "channels_last" not in formats
    return "channels_first" if first else "channels_last"


def _image_shape(
    path: Path,
    shape: tuple,
    data_format: str,
    size: tuple[int, int] | None,
) -> Shape:
    """Returns height, width and channels of the images."""
    channels, *own = shape[1:]
    if data_format == "channels_last":
        *own, channels = shape[1:]
    if channels not in (None, 1, 3):
        raise ValueError(
            f"{path}: images are grey or in colours, and the model reads "
            f"{channels} channels"
        )
    chosen = size or own
    if None in chosen or min(chosen) < 1:
        raise ValueError(
            f"{path}: the model takes images of any size; --size must say "
            f"which, as 224 224; it is {size}"
        )
    for wanted, given in zip(own, chosen, strict=True):
        if wanted not in (None, given):
            raise ValueError(
                f"{path}: the model takes images of {own}, height and width, "
                f"and --size is {list(chosen)}"
            )
    return (*chosen, channels or 3)


def _sums_to_one(scores: np.ndarray) -> bool:
    # Half precision leaves three digits.
    close = np.allclose(scores.sum(axis=1), 1, atol=1e-2)
    return bool(close and scores.min() >= 0 and scores.shape[1] > 1)
