"""Writes what was measured on a GPU between two marks of a page."""

import json

from benchmarks.report import table

MARKS = (
    "<!-- speed: written by `python -m benchmarks.gpu --page` -->",
    "<!-- end of speed -->",
)


def write(page, files):
    """Writes the tables of some files; a later row replaces an earlier one."""
    rows = {}
    for path in files:
        for row in map(json.loads, path.read_text().splitlines()):
            key = row["backend"], row["mode"], row["network"]
            if "images/s" in row or key not in rows:
                rows[key] = row
    before, rest = page.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    text = "\n\n".join([MARKS[0], *sections(rows.values()), MARKS[1]])
    page.write_text(f"{before}{text}{after}")
    print(f"wrote {page}")


def sections(rows):
    """Yields the text of each backend and mode, and what is not measured."""
    groups = {}
    for row in rows:
        groups.setdefault((row["backend"], row["mode"]), []).append(row)
    for (backend, mode), group in groups.items():
        measured = [row for row in group if "images/s" in row]
        if measured:
            yield f"### {mode.capitalize()} on {backend}"
            yield origin(measured[0])
            yield table([cells(row) for row in measured])
    missing = [
        f"- {row['network']}, {row['mode']} on {row['backend']}, {who}: {why}"
        for row in rows
        for who, why in row["errors"].items()
    ]
    if missing:
        yield "Not measured:\n\n" + "\n".join(missing)


def origin(row):
    """Returns when, where and with what a row was measured."""
    versions = ", ".join(f"{n} {v}" for n, v in row["versions"].items())
    return f"{row['date']}, {row['machine']}; {versions}."


def cells(row):
    """Returns a row of the table."""
    speeds, mib = row["images/s"], row.get("MiB", {})
    compiled = [name for name in speeds if name.endswith("compiled")]
    found = {"network": row["network"], "batch": row["batch"]}
    for who in ("ours", "plain", "timm", "compiled"):
        # What PyTorch compiles is either of plain and timm.
        speed = speeds.get((compiled or [who])[0] if who == "compiled" else who)
        found[f"{who} images/s"] = f"{speed:,.0f}" if speed else ""
        if who != "ours":
            both = speed and "ours" in speeds
            found[f"of {who}"] = speeds["ours"] / speed if both else ""
    return found | {
        f"{w} MiB": mib.get(w, "") for w in ("ours", "plain", "timm")
    }
