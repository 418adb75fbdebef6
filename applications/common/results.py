"""What a training has come to, and how it is told."""

import dataclasses
from pathlib import Path
from typing import Any

from applications.common import runs


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run has come to.

    Attributes:
        history: Of each epoch, what its row of the log says.
        was_finished: Whether there was nothing left to do.
    """

    history: list[dict[str, Any]]
    was_finished: bool


def report(result: Result, folder: Path, lines: list[str]) -> None:
    """Prints lines about a result, and where its files are."""
    if result.was_finished:
        print("this run was already finished; --restart begins anew")
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
            f"best validation accuracy {best:.4f}, whose model is kept"
        )
    return lines
