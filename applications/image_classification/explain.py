"""Draws where a network looks: `applications.image_classification.explain`."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from applications.common import command, files, runs
from applications.common.classifiers import Classifier
from applications.common.extras import optional
from applications.common.images import image_files, read_files
from applications.image_classification import parsers
from applications.image_classification.classes import class_index
from applications.image_classification.loading import load_for
from applications.image_classification.parsers import METHODS, ROLLOUT
from applications.image_classification.source import evenly, read_part
from keras_attn import explain

# Rows per page.
PAGE = 16
ENDINGS = (".png", ".svg", ".pdf")


@command.parsed_by(parsers.explain)
def main(options: argparse.Namespace) -> None:
    """Draws explanations of a classifier."""
    output = options.output or Path(parsers.DRAWING)
    if output.suffix.lower() not in ENDINGS:
        raise ValueError(f"{output}: --output must end in one of {ENDINGS}")
    parsers.check_positive(options, "limit", "batch_size")
    # Fails before the work.
    optional("matplotlib.figure", "images")
    paths = options.images and image_files(options.images)
    classifier = load_for(options)
    output = options.output or runs.folder_of(classifier.path) / output
    true = None
    if paths:
        images, sources = _of_files(paths, classifier, options)
    else:
        part, named = read_part(classifier, options)
        part = evenly(part, options.limit)
        images, sources = part.images, part.sources
        true = [named.class_names[label] for label in part.labels]
    found = explain_images(
        classifier,
        images,
        options.method,
        options.layer,
        target=options.target,
        batch_size=options.batch_size,
        aug_smooth=options.aug_smooth,
        eigen_smooth=options.eigen_smooth,
    )
    written = draw(found, output, true)
    for row, source in enumerate(sources):
        source = source if true is None else f"{source}, {true[row]}"
        print(
            f"{source}\t{found.names[row]}\t"
            f"{found.probabilities[row]:.4f}\t{found.peaks(row)}"
        )
    for path in written:
        print(f"wrote {path}")


def _of_files(
    paths: Sequence[Path], classifier: Classifier, options: argparse.Namespace
) -> tuple[np.ndarray, list[str]]:
    """Returns the images that can be read, and their files."""
    if len(paths) > options.limit:
        print(f"first {options.limit} of {len(paths)} images, see --limit")
        paths = paths[: options.limit]
    return read_files(
        paths, classifier.shape, options.skip_bad, options.workers
    )


@dataclasses.dataclass(frozen=True)
class Explained:
    """Images with their explained classes, and maps by method.

    Attributes:
        images: uint8 `(n, height, width, channels)`, at the size of the model.
        names: Name of the explained class of each image.
        probabilities: Probabilities of these classes.
        heatmaps: Maps `(n, height, width)` in [0, 1] by method.
        predicted: Name of the most probable class of each image.
    """

    images: np.ndarray
    names: list[str]
    probabilities: list[float]
    heatmaps: dict[str, np.ndarray]
    predicted: list[str]

    def titles(self) -> list[str]:
        """Returns the explained class and its probability for each image."""
        pairs = zip(self.names, self.probabilities, strict=True)
        return [f"{name} {probability:.3f}" for name, probability in pairs]

    def captions(self, true: Sequence[str] | None) -> list[str]:
        """Returns the true, predicted and explained class of each image.

        Args:
            true: The true classes; `None` if they are unknown.
        """
        found = []
        for row, title in enumerate(self.titles()):
            words = [] if true is None else [f"true: {true[row]}"]
            if self.predicted[row] == self.names[row]:
                words.append(f"predicted: {title}")
            else:
                words.append(f"predicted: {self.predicted[row]}")
                words.append(f"explained: {title}")
            found.append(", ".join(words))
        return found

    def page(self, rows: slice) -> "Explained":
        """Returns a part of the images."""
        return Explained(
            self.images[rows],
            self.names[rows],
            self.probabilities[rows],
            {name: maps[rows] for name, maps in self.heatmaps.items()},
            self.predicted[rows],
        )

    def peaks(self, index: int) -> str:
        """Returns where the maps of an image are highest, as text."""
        return ", ".join(
            f"{method} {peak(maps[index])}"
            for method, maps in self.heatmaps.items()
        )


def explain_images(
    classifier: Classifier,
    images: np.ndarray,
    methods: Sequence[str] = ("grad_cam",),
    layers: Sequence[str] | None = None,
    *,
    target: str | None = None,
    batch_size: int = 32,
    aug_smooth: bool = False,
    eigen_smooth: bool = False,
) -> Explained:
    """Explains a class of each image.

    Args:
        classifier: Classifier to explain.
        images: uint8 `(n, height, width, channels)` in the shape of the model.
        methods: Keys of `parsers.METHODS`, or `parsers.ROLLOUT`.
        layers: Names or paths of layers; `None` for the last feature map.
        target: Name or index of a class; `None` for the most probable one.
        batch_size: Number of images that the model reads at once.
        aug_smooth: As in `keras_attn.explain`.
        eigen_smooth: As in `keras_attn.explain`.
    """
    ready = classifier.prepare(images)
    probabilities = classifier.predict(images, batch_size)
    known = classifier.class_names
    predicted = probabilities.argmax(axis=1)
    if target is None:
        targets = predicted
    else:
        targets = np.full(len(images), class_index(target, known))
    # Shared, so that the model is compiled once.
    network = explain.Network(
        classifier.model, data_format=classifier.data_format
    )
    heatmaps = {}
    for method in methods:
        if method == ROLLOUT:
            # Rollout depends neither on a class nor on a single layer.
            rollout = explain.AttentionRollout(network)
            heatmaps[method] = rollout(ready, batch_size)
            continue
        cam = getattr(explain, METHODS[method])(network, layers)
        heatmaps[method] = cam(
            ready,
            targets,
            batch_size,
            aug_smooth=aug_smooth,
            eigen_smooth=eigen_smooth,
        )
    rows = np.arange(len(images))
    return Explained(
        images,
        [known[index] for index in targets],
        probabilities[rows, targets].tolist(),
        heatmaps,
        [known[index] for index in predicted],
    )


def draw(
    found: Explained, path: Path, true: Sequence[str] | None = None
) -> list[Path]:
    """Draws one row per image, on pages of at most `PAGE` rows.

    Args:
        found: Explanations to draw.
        path: File of a single page; several become `<stem>-1`, `<stem>-2` etc.
        true: The true classes; `None` if they are unknown.

    Returns:
        The files that were written.
    """
    pages = range(0, len(found.images), PAGE)
    written = []
    for number, start in enumerate(pages, start=1):
        rows = slice(start, start + PAGE)
        page = found.page(rows)
        maps = page.heatmaps
        if len(maps) == 1:
            (maps,) = maps.values()
        several = len(pages) > 1
        file = path.with_stem(f"{path.stem}-{number}") if several else path
        captions = page.captions(true and true[rows])
        with files.replacing(file) as partial:
            explain.plot(page.images, maps, captions, partial)
        written.append(file)
    return written


def peak(heatmap: np.ndarray) -> str:
    """Returns the row and column of the maximum of a map, as text."""
    if not heatmap.max() > 0:
        return "none"
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    return f"({row}, {column})"


if __name__ == "__main__":
    raise SystemExit(main())
