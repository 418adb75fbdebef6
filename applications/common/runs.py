"""The folder of a run: what it was started with, and its files."""

import json
from pathlib import Path
from typing import Any

from applications.common import files

FACTS = "run.json"
LOG = "log.csv"
MODEL = "model.keras"
# What a frozen network sees of each image.
FEATURES = "features-*.npy"
STATE = "state.json"


def open_run(folder: Path, facts: dict[str, Any], restart: bool) -> None:
    """Prepares a folder for a run, or checks that it holds the same run.

    Args:
        folder: Made if it does not exist.
        facts: What decides the result: `{"settings": {...}, ...}`.
        restart: Whether to remove the files of a run that is there.

    Raises:
        ValueError: If the folder holds a run with other facts; the message
            tells one that differs.
    """
    if restart:
        # The facts last: a state must never lie beside those of another run.
        made = (STATE, "state-*.npz", LOG, MODEL, FEATURES, "partial-*", FACTS)
        for pattern in made:
            for path in folder.glob(pattern):
                path.unlink()
    if not (folder / FACTS).exists():
        files.write_text(folder / FACTS, json.dumps(facts, indent=1) + "\n")
        return
    old = _flat(read(folder))
    # Through JSON, which turns tuples into lists.
    new = _flat(json.loads(json.dumps(facts)))
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            raise ValueError(
                f"{folder} holds another run: {name} is {old.get(name)!r} "
                f"there and {new.get(name)!r} here; take another --output, "
                "or --restart to begin anew"
            )


def read(folder: Path) -> dict[str, Any]:
    """Returns the facts of a run."""
    path = folder / FACTS
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise ValueError(f"{path}: not the facts of a run") from problem


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in facts.items() if name != "settings"}
    return {**facts.get("settings", {}), **rest}
