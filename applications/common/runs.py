"""The folder of a run: what it was started with, and its files."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from applications.common import files

FACTS = "run.json"
LOG = "log.csv"
MODEL = "model.keras"
# What a frozen network sees of each image.
FEATURES = "features-*.npy"
STATE = "state.json"
# In a result, the digest of that and of the run that it is of.
SEAL = "digest"


# What somebody can do who has a file that is not what a run has written.
REMEDY = "put the file back as it was, or train anew with --restart"


def folder_of(path: Path) -> Path:
    """Returns the folder of a model, given that or the model's file."""
    return path.parent if path.is_file() else path


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
        _check_alone(folder)
        files.write_text(folder / FACTS, json.dumps(facts, indent=1) + "\n")
        return
    old = _flat(read(folder))
    new = _flat(_through_json(facts))
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            raise ValueError(
                f"{folder} holds another run: {name} is "
                f"{_short(old.get(name))} there and {_short(new.get(name))} "
                "here; take another --output, or --restart to begin anew"
            )


def read(folder: Path) -> dict[str, Any]:
    """Returns the facts of a run, `settings` and `class_names` among them.

    Raises:
        ValueError: If the file is damaged; one line with what helps.
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
        raise ValueError(f"{path}: not the facts of a run ({wrong}); {REMEDY}")
    return facts


def check_data(folder: Path, digest: str) -> None:
    """Says so if the data of a run are not what it was trained on.

    Then they may be divided otherwise, and what tests may have trained.

    Args:
        folder: Of the run.
        digest: Of the data as they are now.
    """
    if read(folder).get("data_digest") != digest:
        print(
            f"warning: {folder}: the data, or the files that were left out, "
            "have changed since this run: images that are shown here may be "
            "among those that trained it",
            file=sys.stderr,
        )


def write_result(folder: Path, name: str, found: dict[str, Any]) -> None:
    """Writes what a run was measured to have come to.

    Args:
        folder: Of the run.
        name: Of the file.
        found: What was measured.
    """
    seal = digest({"facts": read(folder), "found": found})
    text = json.dumps({**found, SEAL: seal}) + "\n"
    files.write_text(folder / name, text)


def read_result(folder: Path, name: str) -> dict[str, Any] | None:
    """Returns what `write_result` has written of this run, or `None`.

    What an older run in the folder had come to is none of this one's, and
    what is damaged is nobody's: both are reported, to be measured again.

    Args:
        folder: Of the run.
        name: Of the file.
    """
    path = folder / name
    if not path.exists():
        return None
    try:
        found = files.read_json(path, "a result", "it is measured again")
        seal = found.pop(SEAL, None)
        if seal != digest({"facts": read(folder), "found": found}):
            raise ValueError(
                f"{path}: damaged, or of another run; it is measured again"
            )
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return None
    return found


def digest(found: dict[str, Any]) -> str:
    """Returns a short text that changes with anything in a dictionary."""
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_alone(folder: Path) -> None:
    """Checks that no state is left of a run whose facts are gone."""
    if (folder / STATE).exists():
        raise ValueError(
            f"{folder / FACTS}: missing, and {STATE} beside it is of a run "
            f"that may have had other settings or data; {REMEDY}"
        )


def _through_json(facts: dict[str, Any]) -> dict[str, Any]:
    # Which turns tuples into lists.
    return json.loads(json.dumps(facts))


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in facts.items() if name != "settings"}
    return {**facts.get("settings", {}), **rest}


def _short(value: Any, most: int = 200) -> str:
    # There can be a thousand classes.
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."
