"""The folder of a run: its files, and the facts that it was started with."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from applications.common import files

FACTS = "run.json"
LOG = "log.csv"
MODEL = "model.keras"
# Features of each image from a frozen network.
FEATURES = "features-*.npy"
STATE = "state.json"
# Key of the digest of a result and its run.
SEAL = "digest"


# Fix for a file that differs from what a run has written.
REMEDY = "Restore the file, or train again with --restart"


def folder_of(path: Path) -> Path:
    """Returns the folder of a model, given the folder or the model file."""
    return path.parent if path.is_file() else path


def open_run(folder: Path, facts: dict[str, Any], restart: bool) -> None:
    """Prepares a folder for a run, or checks that it contains the same run.

    Args:
        folder: Created if it does not exist.
        facts: Facts that determine the result: `{"settings": {...}, ...}`.
        restart: Whether to delete the files of an existing run.

    Raises:
        ValueError: If the folder contains a run with other facts; the message
            names the first difference.
    """
    if restart:
        # The facts last: a state must never be next to those of another run.
        made = (STATE, "state-*.npz", LOG, MODEL, FEATURES, "partial-*", FACTS)
        for pattern in made:
            for path in folder.glob(pattern):
                path.unlink()
    if not (folder / FACTS).exists():
        _check_alone(folder)
        files.write_text(folder / FACTS, json.dumps(facts, indent=1) + "\n")
        return
    old = _flat(read(folder))
    new = _flat(_through_json(facts))
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            raise ValueError(
                f"{folder} contains another run: {name} is "
                f"{_short(old.get(name))} there and {_short(new.get(name))} "
                "here. Pass another --output, or start again with --restart"
            )


def read(folder: Path) -> dict[str, Any]:
    """Returns the facts of a run, including `settings` and `class_names`.

    Raises:
        ValueError: If the file is damaged.
    """
    path = folder / FACTS
    facts = files.read_json(path, "the facts of a run", REMEDY)
    wrong = None
    if not isinstance(facts.get("settings"), dict):
        wrong = "settings are missing"
    names = facts.get("class_names")
    is_list = isinstance(names, list) and len(names) > 0
    if not is_list or not all(isinstance(each, str) for each in names):
        wrong = wrong or "class_names are missing"
    if wrong:
        raise ValueError(f"{path}: not the facts of a run ({wrong}). {REMEDY}")
    return facts


def check_data(folder: Path, digest: str) -> None:
    """Prints a warning if the data of a run has changed since the training.

    Changed data may be split differently, so that test images may have been
    training images.

    Args:
        folder: Folder of the run.
        digest: Digest of the current data.
    """
    if read(folder).get("data_digest") != digest:
        print(
            f"warning: {folder}: the data or the skipped files have changed "
            "since this run. Images that are read now may have been training "
            "images",
            file=sys.stderr,
        )


def write_result(folder: Path, name: str, found: dict[str, Any]) -> None:
    """Writes the measured result of a run.

    Args:
        folder: Folder of the run.
        name: Name of the file.
        found: The measured values.
    """
    seal = digest({"facts": read(folder), "found": found})
    text = json.dumps({**found, SEAL: seal}) + "\n"
    files.write_text(folder / name, text)


def read_result(folder: Path, name: str) -> dict[str, Any] | None:
    """Returns the result that `write_result` wrote for this run, or `None`.

    A damaged result, or one of an older run in the folder, is reported and
    has to be measured again.

    Args:
        folder: Folder of the run.
        name: Name of the file.
    """
    path = folder / name
    if not path.exists():
        return None
    try:
        found = files.read_json(path, "a result", "It is measured again")
        seal = found.pop(SEAL, None)
        if seal != digest({"facts": read(folder), "found": found}):
            raise ValueError(
                f"{path}: damaged, or of another run. It is measured again"
            )
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return None
    return found


def digest(found: dict[str, Any]) -> str:
    """Returns a short digest of a dictionary."""
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_alone(folder: Path) -> None:
    """Checks that there is no state of a run whose facts are missing."""
    if (folder / STATE).exists():
        raise ValueError(
            f"{folder / FACTS}: missing, but {STATE} next to it belongs to a "
            f"run that may have had other settings or data. {REMEDY}"
        )


def _through_json(facts: dict[str, Any]) -> dict[str, Any]:
    # JSON turns tuples into lists.
    return json.loads(json.dumps(facts))


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in facts.items() if name != "settings"}
    return {**facts.get("settings", {}), **rest}


def _short(value: Any, most: int = 200) -> str:
    # There can be a thousand classes.
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."
