"""Writes the tables of `docs/export.md` from records, and reads them."""

import json
import re

from tests.exports.limits import MISSING, limit_of

BEGIN = "<!-- tables: python -m tests.exports --page docs/export.md -->"
END = "<!-- end of tables -->"
BACKENDS = {"tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}
FORMATS = {"onnx": "ONNX", "tf_saved_model": "SavedModel", "litert": "LiteRT"}
YES, ONE_SIZE, NO = "yes", "one size", "no"


def cells(backend, record):
    """Returns `{(name, backend, format): (word, limits)}`.

    The word is `YES`, `ONE_SIZE` if the size must be known, or `NO`. The limits
    are a tuple, which is empty for `YES`. Exports that need a missing package
    are omitted.
    """
    grouped = {}
    for key, outcome in record["outcomes"].items():
        name, format, size = key.split()
        limit = limit_of(key, outcome) if "kind" in outcome else None
        if "kind" in outcome and limit is None:
            limit = f"ours: {outcome['message'][:80]}"
        grouped.setdefault((name, backend, format), {})[size] = limit
    found = {}
    for place, limits in grouped.items():
        known, open_ = limits["known"], limits["open"]
        if MISSING in (known, open_):
            continue
        if known is None and open_ is None:
            found[place] = YES, ()
        elif known is None:
            found[place] = ONE_SIZE, (open_,)
        else:
            # With a known size too, so the reason is not the open size.
            found[place] = NO, (known,)
    return found


def read_cells(text):
    """Returns the same dict from the tables in the text of a page."""
    text = text.partition(BEGIN)[2].partition(END)[0]
    notes = dict(re.findall(r"^- \((\d+)\) (.*)\.$", text, re.MULTILINE))
    columns, found = [], {}
    for line in text.splitlines():
        if not line.startswith("| ") or line.startswith("| ---"):
            continue
        first, *others = [cell.strip() for cell in line.strip("|").split("|")]
        if first in ("block", "model"):
            columns = [_column(title) for title in others]
            continue
        for column, cell in zip(columns, others, strict=True):
            word, _, number = cell.partition(" (")
            if cell:
                limits = (notes[number.rstrip(")")],) if number else ()
                found[(first.strip("`"), *column)] = word, limits
    return found


def _title(backend, format):
    return f"{BACKENDS[backend]} {FORMATS[format]}"


def _column(title):
    """Returns the backend and format of a column."""
    places = ((b, f) for b in BACKENDS for f in FORMATS)
    return next(place for place in places if _title(*place) == title)


def tables(records, names, is_block, old=""):
    """Returns the tables for the records of all backends, as text.

    Rows are in the order of `names` and include only the models that were
    tried. Cells that could not be tried, because a package is missing, keep
    their value from the `old` text.
    """
    found, lines = read_cells(old), []
    old = old.partition(BEGIN)[2].partition(END)[0]
    for backend, record in records.items():
        found |= cells(backend, record)
    notes = {}

    def text(cell):
        if cell is None:
            return ""
        word, limits = cell
        numbers = [notes.setdefault(n, len(notes) + 1) for n in limits]
        return f"{word} ({numbers[0]})" if numbers else word

    columns = [
        (b, f)
        for b in BACKENDS
        for f in FORMATS
        if any(place[1:] == (b, f) for place in found)
    ]
    tried = {place[0] for place in found}
    names = [name for name in names if name in tried]
    for kind, is_kind in (("block", True), ("model", False)):
        titles = [_title(*column) for column in columns]
        lines += ["", _row(kind, titles), _row("---", ["---"] * len(titles))]
        for name in names:
            if is_block(name) is is_kind:
                row = [text(found.get((name, *column))) for column in columns]
                lines.append(_row(f"`{name}`", row))
    lines += ["", *(f"- ({number}) {note}." for note, number in notes.items())]
    lines.append("")
    for backend, title in BACKENDS.items():
        kept = [
            f"{line}\n"
            for line in old.splitlines()
            if line.startswith((f"{title}:", f"{title},"))
        ]
        if backend not in records:
            lines += kept
            continue
        record = records[backend]
        versions = [f"{k} {v}" for k, v in record["versions"].items()]
        tried = [
            outcome
            for key, outcome in record["outcomes"].items()
            if "difference" in outcome or limit_of(key, outcome) != MISSING
        ]
        works = [o["difference"] for o in tried if "difference" in o]
        recorded = {key.split()[0] for key in record["outcomes"]}
        some = [name for name in names if name in recorded]
        if some != names:
            title += f", {', '.join(f'`{name}`' for name in some)}"
            # The other rows keep the lines of their records.
            lines += [s for s in kept if not s.startswith(f"{title}:")]
        lines.append(
            f"{title}: {len(works)} of {len(tried)} "
            f"exports, largest difference {max(works, default=0):.0e}; "
            f"{record['date']}, {', '.join(versions)}."
        )
        lines.append("")
    return "\n".join(lines)


def _row(first, others):
    return f"| {' | '.join([first, *others])} |"


def write_page(page, folder):
    """Writes the tables of all records in a folder into a page."""
    from tests.exports.subjects import is_block, subjects

    records = {
        backend: json.loads((folder / f"{backend}.json").read_text())
        for backend in BACKENDS
        if (folder / f"{backend}.json").exists()
    }
    text = page.read_text()
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} must contain {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    new = tables(records, list(subjects()), is_block, old=text)
    page.write_text(f"{before}{BEGIN}\n{new}{END}{after}")
