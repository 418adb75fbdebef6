"""Labelled images in memory, in parts for training, validation and test."""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Part:
    """Images `(n, height, width, channels)` in [0, 255] and their labels."""

    images: np.ndarray
    labels: np.ndarray
    sources: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Part":
        """Returns the images at `indices`, in this order."""
        sources = [self.sources[i] for i in indices]
        return Part(self.images[indices], self.labels[indices], sources)

    def with_mirrored(self) -> "Part":
        """Returns the images, followed by their mirror images."""
        return Part(
            np.concatenate([self.images, self.images[:, :, ::-1]]),
            np.concatenate([self.labels, self.labels]),
            [*self.sources, *(f"{name}, mirrored" for name in self.sources)],
        )


class Divided:
    """Base of data in three parts; `kind` is what the parts contain."""

    kind = "images"

    def parts(self) -> dict[str, Any]:
        """Returns the parts by name, in order; a missing part is `None`."""
        names = ("train", "validation", "test")
        return {name: getattr(self, name) for name in names}

    def sizes(self) -> str:
        """Returns the size of each part as text."""
        return ", ".join(
            f"{name} {'none' if part is None else len(part)}"
            for name, part in self.parts().items()
        )

    def summary(self) -> str:
        """Returns a line with the sizes and the classes."""
        names = ", ".join(self.class_names)
        return f"{self.kind}: {self.sizes()}; classes: {names}"


@dataclasses.dataclass(frozen=True)
class Data(Divided):
    """Names of the classes, and the parts that the source has."""

    class_names: list[str]
    train: Part | None = None
    validation: Part | None = None
    test: Part | None = None

    def digest(self) -> str:
        """Returns a short digest of all images and labels."""
        digest = hashlib.sha256()
        for part in self.parts().values():
            if part is not None:
                digest.update(f"{part.images.shape}".encode())
                digest.update(np.ascontiguousarray(part.images))
                digest.update(part.labels.astype("<i4").tobytes())
        return digest.hexdigest()[:16]

    @property
    def validates(self) -> bool:
        """Whether there are validation images."""
        return self.validation is not None and len(self.validation) > 0


def hold_out(
    data: Data, reason: str, choose: Callable[[Part], np.ndarray]
) -> Data:
    """Moves images of the training part into a validation part.

    Args:
        data: Data without a validation part.
        reason: Option that asks for this, for the error.
        choose: Function from the training part to the indices of the images.
    """
    train = data.train
    if data.validation is not None:
        raise ValueError(
            f"{reason} needs data without a validation part. Received: data "
            f"with one of {len(data.validation)} images"
        )
    held = choose(train)
    kept = np.setdiff1d(np.arange(len(train)), held)
    return dataclasses.replace(
        data, train=train.take(kept), validation=train.take(held)
    )


def divide(
    labels: np.ndarray, fractions: list[float], seed: int
) -> list[np.ndarray]:
    """Splits the images of each class at random, depending only on the seed.

    A class with at least as many images as there are parts has at least one
    image in each part. The rest is left for the first part.
    """
    shares: list[list[int]] = [[] for _ in fractions]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = np.random.default_rng([seed, label]).permutation(members)
        least = int(len(members) >= len(fractions))
        for share, fraction in zip(
            shares[:0:-1], fractions[:0:-1], strict=True
        ):
            count = max(least, round(fraction * len(labels[labels == label])))
            share.extend(members[:count])
            members = members[count:]
        shares[0].extend(members)
    return [np.array(sorted(share), "int64") for share in shares]


def balanced_weights(labels: np.ndarray, classes: int) -> dict[int, float]:
    """Computes weights that balance the classes in the loss.

    `weight = images / (classes * images of the class)`, or 1 for a class
    without images.
    """
    counts = np.bincount(labels, minlength=classes)
    return {
        label: len(labels) / (classes * int(count)) if count else 1.0
        for label, count in enumerate(counts)
    }


def check_same_classes(
    where: object, model: list[str], data: list[str]
) -> None:
    """Checks that a model and data have the same classes.

    Raises:
        ValueError: If they differ; the message names `where`, the file of the
            model.
    """
    if model != data:
        raise ValueError(
            f"{where}: the model has {len(model)} classes {model}, but the "
            f"data has {len(data)} {data}"
        )


def part_of(data: Divided, name: str) -> Any:
    """Returns a part by its name, if the data has it."""
    part = getattr(data, name)
    if part is None or not len(part):
        raise ValueError(
            f"the data has no {name} {data.kind}. Received: {data.sizes()}"
        )
    return part
