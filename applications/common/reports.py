"""Accuracy, recall and F1 of a classifier, and its confusion matrix."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from applications.common import files
from applications.common.extras import optional

CONFUSION = "confusion.png"
SCORES = "scores.json"


@dataclasses.dataclass(frozen=True)
class Scores:
    """Fractions of correct predictions; NaN where a class has no images."""

    accuracy: float
    recall: np.ndarray
    precision: np.ndarray
    f1: np.ndarray


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, classes: int
) -> np.ndarray:
    """Counts images: rows are true classes, columns are predictions."""
    pairs = np.asarray(labels) * classes + np.asarray(predicted)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def scores(matrix: np.ndarray) -> Scores:
    """Computes the scores of a confusion matrix.

    `recall = right / row sum`, `precision = right / column sum`,
    `f1 = 2 * right / (row sum + column sum)`.
    """
    right = np.diag(matrix).astype(float)
    true, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return Scores(
            float(right.sum() / matrix.sum()),
            right / true,
            right / predicted,
            2 * right / (true + predicted),
        )


def table(matrix: np.ndarray, class_names: list[str]) -> str:
    """Returns the scores as lines of text."""
    result = scores(matrix)
    width = max(8, *map(len, class_names))
    lines = [f"{'class':{width}}  images  recall  precision  F1"]
    for i, name in enumerate(class_names):
        lines.append(
            f"{name:{width}}  {matrix[i].sum():6}  {result.recall[i]:6.3f}  "
            f"{result.precision[i]:9.3f}  {result.f1[i]:5.3f}"
        )
    known = matrix.sum(axis=1) > 0
    recall, f1 = result.recall[known].mean(), result.f1[known].mean()
    lines.append(
        f"{'mean':{width}}  {matrix.sum():6}  {recall:6.3f}  {'':9}  {f1:5.3f}"
    )
    lines.append(f"accuracy {result.accuracy:.4f}")
    return "\n".join(lines)


def iou(matrix: np.ndarray) -> np.ndarray:
    """Computes the intersection over union of each class.

    `right / (row sum + column sum - right)`, or NaN for a class that occurs
    neither in the labels nor in the predictions.
    """
    right = np.diag(matrix).astype(float)
    with np.errstate(invalid="ignore"):
        return right / (matrix.sum(axis=1) + matrix.sum(axis=0) - right)


def iou_table(matrix: np.ndarray, class_names: list[str]) -> str:
    """Returns IoU, recall and precision of pixels as lines of text."""
    result, unions = scores(matrix), iou(matrix)
    width = max(8, *map(len, class_names))
    lines = [f"{'class':{width}}       pixels    IoU  recall  precision"]
    for i, name in enumerate(class_names):
        lines.append(
            f"{name:{width}}  {matrix[i].sum():11}  {unions[i]:5.3f}  "
            f"{result.recall[i]:6.3f}  {result.precision[i]:9.3f}"
        )
    lines.append(
        f"{'mean':{width}}  {matrix.sum():11}  {np.nanmean(unions):5.3f}"
    )
    lines.append(f"pixel accuracy {result.accuracy:.4f}")
    return "\n".join(lines)


def write(
    folder: Path,
    matrix: np.ndarray,
    class_names: list[str],
    facts: dict[str, Any],
    as_shares: bool = False,
    instead: tuple[str, str] | None = None,
) -> None:
    """Writes the scores, draws the confusion matrix and prints the paths.

    The confusion matrix is written too, since it determines all scores and
    can be added to others.

    Args:
        folder: Folder for the files `CONFUSION` and `SCORES`.
        matrix: The confusion matrix.
        class_names: Names of the rows and columns.
        facts: Values to write next to it, such as the part of the data.
        as_shares: Whether to draw fractions of the true class, not counts.
        instead: Name and text of a file to write instead of `SCORES`.
    """
    accuracy = scores(matrix).accuracy
    found = {**facts, "accuracy": accuracy, "confusion": matrix.tolist()}
    name, text = instead or (SCORES, json.dumps(found) + "\n")
    files.write_text(folder / name, text)
    draw_confusion(matrix, class_names, folder / CONFUSION, as_shares)
    print(f"wrote {folder / CONFUSION} and {name}")


def draw_confusion(
    matrix: np.ndarray,
    class_names: list[str],
    path: Path,
    as_shares: bool = False,
) -> None:
    """Draws counts or fractions, coloured by fraction of the true class."""
    figure_module = optional("matplotlib.figure", "images")
    side = 2.2 + 0.62 * len(class_names)
    figure = figure_module.Figure((side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    label = "fraction of the true class"
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    ticks = range(len(class_names))
    axes.set_xticks(ticks, class_names, rotation=45, ha="right")
    axes.set_yticks(ticks, class_names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"accuracy {scores(matrix).accuracy:.4f}")
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{shares[row, column]:.2f}" if as_shares else count
        axes.text(column, row, text, ha="center", va="center", color=colour)
    with files.replacing(path) as partial:
        figure.savefig(partial, dpi=110)
