"""Reads the measurements that `make bench` writes to pages of this site.

The slowdown of a ResNet-50 is in `layers/index.md`, the time of each block
alone in `benchmarks.md`. No measured number is typed by hand.
"""

import pathlib
import re

from benchmarks.report import MARKS

DOCS = pathlib.Path(__file__).parent.parent
CATALOGUE = DOCS / "layers" / "index.md"
BENCHMARKS = DOCS / "benchmarks.md"
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
MODES = ("training", "inference")
# The stage of a ResNet-50 that has most of its blocks.
STAGE = "14 x 14 x 1024"
# What the tables of blocks call these.
PASSES = {"inference": "forward", "training": "backward"}


def costs(catalogue):
    """Returns what each block costs in a ResNet-50, and the origins.

    Args:
        catalogue: String, the text of `layers/index.md`.

    Returns:
        Dict of `"rows"`, a dict from the names of blocks to their rows, and
        `"origins"`, a list with a line per backend.

    Raises:
        ValueError: If the page has no such table.
    """
    try:
        _, text = catalogue.split(MARKS[0])
        text, _ = text.split(MARKS[1])
    except ValueError as error:
        raise ValueError(
            f"A table must be between {MARKS[0]!r} and {MARKS[1]!r}. "
            "Received: a page without it. Run `make bench` to write it."
        ) from error
    rows = {row["block"].strip("`"): row for row in dicts(text)}
    origins = re.findall(r"(?m)^\w+: \d{4}-.*\.$", text)
    if not rows or not origins:
        raise ValueError(
            "The table of costs must have rows, and state where and when they "
            f"were measured. Received: {len(rows)} rows, origins={origins}"
        )
    return {"rows": rows, "origins": origins}


def slowdowns(row):
    """Returns the slowdown factors in a row: by mode, then by backend."""
    found = {}
    for mode in MODES:
        for backend, name in BACKENDS.items():
            if value := row.get(f"{backend}, {mode}"):
                found.setdefault(mode, {})[name] = value
    return found


def alone(kind, benchmarks):
    """Returns the times of a layer relative to plain PyTorch, and the origins.

    Args:
        kind: String, the name of a class.
        benchmarks: String, the text of `benchmarks.md`.

    Returns:
        Tuple of a dict from the labels of rows to fractions, by mode and
        backend, and a list of origins with a line per backend.

    Raises:
        ValueError: If the page has no such tables.
    """
    found, origins = {}, []
    for backend, rest in re.findall(
        r"(?ms)^### Blocks on (\w+)$(.*?)(?=^#|\Z)", benchmarks
    ):
        origin, *_ = rest.split("\n\n")[1:]
        origins.append(f"{backend}: {origin}")
        for row in dicts(rest):
            # `FCA` and `FCA pooled` are the same class.
            if row["block"].split()[0] != kind:
                continue
            modes = found.setdefault(row["block"], {})
            for mode, column in PASSES.items():
                # A cell is a fraction, and milliseconds in parentheses.
                fraction, *_ = row[f"{column} {STAGE}"].split() or [""]
                if fraction:
                    modes.setdefault(mode, {})[BACKENDS[backend]] = fraction
    if not origins:
        raise ValueError(
            "The page of benchmarks must have sections 'Blocks on ...'. "
            "Received: a page without. Run `make bench` to write them."
        )
    return found, origins


def place(origins):
    """Returns when and where something was measured, and with what."""
    places, versions = {}, []
    for origin in origins:
        backend, _, rest = origin.removesuffix(".").partition(": ")
        where, _, used = rest.partition("; ")
        places.setdefault(where, []).append(BACKENDS[backend])
        versions += used.split(", ")
    where = "; ".join(
        each if len(places) == 1 else f"{', '.join(backends)}: {each}"
        for each, backends in places.items()
    )
    return f"{where}; {', '.join(dict.fromkeys(versions))}"


def table(rows):
    """Returns a Markdown table of lists, the first of which is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def dicts(text):
    """Returns the rows of the Markdown tables in a text, as dicts.

    Several tables must have the same rows, in the same order.
    """
    rows = []
    for lines in re.findall(r"(?m)(?:^\|.*\|$\n?)+", text):
        names, _, *cells = (
            [cell.strip() for cell in line[1:-1].split("|")]
            for line in lines.splitlines()
        )
        found = [dict(zip(names, each, strict=True)) for each in cells]
        # The first table has no rows to complete.
        pairs = zip(rows or [{}] * len(found), found, strict=True)
        rows = [{**some, **more} for some, more in pairs]
    return rows
