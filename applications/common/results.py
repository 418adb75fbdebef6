"""The result of a training, and how it is printed."""

import dataclasses
from pathlib import Path
from typing import Any

from applications.common import runs


@dataclasses.dataclass(frozen=True)
class Result:
    """Result of a run.

    Attributes:
        history: Row of the log for each epoch.
        was_finished: Whether the run was already finished.
    """

    history: list[dict[str, Any]]
    was_finished: bool


def report(result: Result, folder: Path, lines: list[str]) -> None:
    """Prints lines about a result and the paths of its files."""
    if result.was_finished:
        print("this run was already finished; --restart starts it again")
    for line in lines:
        print(line)
    print(f"wrote {folder / runs.MODEL} and {runs.LOG}")


def accuracies(result: Result) -> list[str]:
    """Returns lines about the training of a classifier."""
    last = result.history[-1]
    lines = [f"epoch {last['epoch']}: train accuracy {last['accuracy']:.4f}"]
    if "val_accuracy" in last:
        best = max(row["val_accuracy"] for row in result.history)
        lines.append(
            f"best validation accuracy {best:.4f}; its model was saved"
        )
    return lines
