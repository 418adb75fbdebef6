"""The state of a training on disk: the history and the variables."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from applications.common import arrays, files, runs

ARRAYS = "state-{:04}.npz"
_NAME = re.compile(r"state-\d+\.npz")
REMEDY = "Start again with --restart"


@dataclasses.dataclass
class State:
    """Content of `state.json`.

    Attributes:
        arrays: Name of the file with the variables, in the same folder.
        best: Best value of the monitored metric, or `None`.
        finished: Whether the run is finished.
        history: Row of the log for each epoch.
    """

    arrays: str | None = None
    best: float | None = None
    finished: bool = False
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)


def read_state(folder: Path, monitor: str | None = None) -> State:
    """Reads the state of a run, or returns that of a new run.

    Args:
        folder: Folder of the run.
        monitor: Metric that the history must have.

    Raises:
        ValueError: If the file is damaged.
    """
    path = folder / runs.STATE
    # A dangling symbolic link is not a new run.
    if not path.exists() and not path.is_symlink():
        return State()
    what = "the state of a run"
    found = files.read_json(path, what, REMEDY)
    columns = {"epoch", "learning_rate", "loss"} | {monitor} - {None}
    for name, holds in _rules(found, columns).items():
        if not holds:
            value = repr(found[name]) if name in found else "missing"
            raise ValueError(
                f"{path}: not {what} ({name} is {value:.80}). {REMEDY}"
            )
    rows = found["history"]
    values = [row[monitor] for row in rows] if monitor else []
    # Computed from the rows, since it decides which model is kept.
    best = max((x for x in values if not math.isnan(x)), default=None)
    return State(found["arrays"], best, found["finished"], rows)


def write_state(
    folder: Path, state: State, variables: dict[str, np.ndarray]
) -> None:
    """Writes the arrays, then `state.json`, and deletes older arrays.

    Args:
        folder: Folder of the run.
        state: State whose `arrays` is the name of the new file.
        variables: Variables by name.
    """
    with files.replacing(folder / state.arrays) as partial:
        np.savez(partial, **variables)
    text = json.dumps(dataclasses.asdict(state), indent=1) + "\n"
    files.write_text(folder / runs.STATE, text)
    for path in folder.glob("state-*.npz"):
        if path.name != state.arrays:
            path.unlink()


def read_arrays(path: Path, shapes: list[tuple]) -> list[np.ndarray]:
    """Reads the variables, which must have these shapes."""
    try:
        with np.load(path) as stored:
            found = [stored[name] for name in stored.files]
        if [array.shape for array in found] != shapes:
            raise ValueError("the arrays are not those of this model")
        if not all(each.dtype.kind in "biuf" for each in found):
            raise ValueError("the arrays are not numbers")
    # Broken bytes can raise any exception in zipfile and NumPy.
    except Exception as problem:
        raise ValueError(
            f"{path}: cannot resume from this state "
            f"({arrays.reason(problem)}). {REMEDY}"
        ) from problem
    return found


def _rules(found: dict[str, Any], columns: set) -> dict[str, bool]:
    """Returns for each entry whether `write_state` could have written it."""
    name, best, history = map(found.get, ("arrays", "best", "history"))
    return {
        "arrays": isinstance(name, str) and bool(_NAME.fullmatch(name)),
        "best": "best" in found and (best is None or files.is_a(best, float)),
        "finished": isinstance(found.get("finished"), bool),
        "history": _is_history(history, columns),
    }


def _is_history(history: Any, columns: set) -> bool:
    if not isinstance(history, list) or not history:
        return False
    if not all(isinstance(row, dict) for row in history):
        return False
    numbers = [files.is_a(x, float) for row in history for x in row.values()]
    return (
        columns <= set(history[0])
        and all(set(row) == set(history[0]) for row in history)
        and all(numbers)
        and [row["epoch"] for row in history]
        == list(range(1, len(history) + 1))
    )
