"""Predictions of a saved classifier, and its scores."""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.common import reports, runs
from applications.common.batches import Batches, arranged
from applications.common.images import read_files
from applications.common.parts import Part
from applications.common.saved import Loaded


@dataclasses.dataclass(frozen=True)
class Classifier(Loaded):
    """Saved classifier with the preprocessing of its images.

    Attributes:
        preprocess: Function from uint8 images to the input of the model, both
            channels last.
        size: Height and width of the images, if the model takes any size.
        is_named: Whether the classes have names, not only indices.
    """

    preprocess: Callable[[np.ndarray], np.ndarray]
    size: tuple[int, int] | None = None
    is_named: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        *own, channels = super().shape
        return (*(self.size or own), channels or 3)

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Turns channels-last uint8 images into the input of the model."""
        return arranged(self.preprocess(images), self.data_format)

    def predict(
        self, images: np.ndarray, batch_size: int = 32, workers: int = 1
    ) -> np.ndarray:
        """Returns probabilities `(images, classes)`, float32.

        Only a few batches are preprocessed at a time, since float32 images
        need four times the memory.

        Args:
            images: uint8 images, channels last.
            batch_size: Images per batch.
            workers: Threads that make batches.
        """
        part = Part(images, np.zeros(len(images), "int64"), [])
        batches = Batches(
            part,
            batch_size,
            self.preprocess,
            data_format=self.data_format,
            workers=workers,
        )
        scores = self.model.predict(batches, verbose=0)
        if getattr(scores, "shape", ())[:-1] != (len(images),):
            shapes = keras.tree.map_structure(np.shape, scores)
            raise ValueError(
                f"{self.path}: a classifier must have one output (batch, "
                f"classes). Received: a model with outputs {shapes}"
            )
        scores = np.asarray(scores, "float32")
        last = getattr(self.model.layers[-1], "activation", None)
        if last is keras.activations.sigmoid or _sums_to_one(scores):
            return scores
        if scores.shape[1] == 1:
            return 1 / (1 + np.exp(-scores))
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def print_classes(
    loaded: Classifier,
    paths: Sequence[Path],
    options: argparse.Namespace,
    batch_size: int = 32,
) -> None:
    """Prints the `--top` classes of each file, separated by tabs."""
    images, sources = read_files(
        paths, loaded.shape, options.skip_bad, options.workers
    )
    found = loaded.predict(images, batch_size, options.workers)
    for source, row in zip(sources, found, strict=True):
        for best in (-row).argsort(kind="stable")[: options.top]:
            print(f"{source}\t{loaded.class_names[best]}\t{row[best]:.4f}")


def evaluate(
    loaded: Classifier,
    part: Part,
    predicted: np.ndarray,
    options: argparse.Namespace,
    by: str = "",
    instead: tuple[str, str] | None = None,
    **facts: Any,
) -> None:
    """Prints and writes the scores of a classifier, and draws its confusion.

    Args:
        loaded: The classifier, with the classes of the part.
        part: The images.
        predicted: Predicted probabilities `(images, classes)`.
        options: Parsed options with `part` and `output`.
        by: Text to print after the name of the model.
        instead: As in `reports.write`.
        **facts: Values to write next to the scores.
    """
    names = loaded.class_names
    if predicted.shape[1] != len(names):
        raise ValueError(
            f"{loaded.path}: the model has {predicted.shape[1]} classes, but "
            f"the data has {len(names)}"
        )
    matrix = reports.confusion_matrix(
        part.labels, predicted.argmax(axis=1), len(names)
    )
    print(f"{options.part} images of {loaded.path}{by}")
    print(reports.table(matrix, names))
    folder = options.output or runs.folder_of(loaded.path)
    facts = {"part": options.part, **facts}
    reports.write(folder, matrix, names, facts, instead=instead)


def _sums_to_one(scores: np.ndarray) -> bool:
    # Half precision has three digits.
    close = np.allclose(scores.sum(axis=1), 1, atol=1e-2)
    return bool(close and scores.min() >= 0 and scores.shape[1] > 1)
