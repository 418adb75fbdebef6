"""The file of results: a line about the run, and one for each comparison."""

import datetime
import importlib.metadata
import json

PACKAGES = ("keras", "timm", "torch", "torchvision", "tensorflow-cpu", "jax")


def read(path):
    """Returns what is stated about the run, and the last results by key.

    Args:
        path: The file, which need not exist.
    """
    if not path.exists():
        return None, []
    about, *results = map(json.loads, path.read_text("utf-8").splitlines())
    last = {result["key"]: result for result in results}
    return about, list(last.values())


def append(path, result):
    """Adds a result to a file, which is created if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [result]
    if not path.exists():
        lines.insert(0, about(path.stem.partition("_")[0]))
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in lines)


def about(backend):
    """Returns the date and the versions of the packages involved."""
    found = {}
    for name in PACKAGES:
        if name.startswith(("tensorflow", "jax")) and backend not in name:
            continue
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"date": datetime.date.today().isoformat(), "versions": found}
