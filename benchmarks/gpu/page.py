"""Writes measurements on a GPU between two marks of a page."""

import json

from benchmarks.tables import table

MARKS = (
    "<!-- speed: written by `python -m benchmarks.gpu --page` -->",
    "<!-- end of speed -->",
)
# PyTorch compiles one of the two, and the column does not depend on which.
PEERS = ("plain", "timm", "compiled")


def write(page, files):
    """Writes the tables of some files; later rows replace earlier ones."""
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
    """Yields the text of each backend and mode, and lists what failed."""
    groups = {}
    for row in rows:
        groups.setdefault((row["backend"], row["mode"]), []).append(row)
    for (backend, mode), group in groups.items():
        measured = [row for row in group if "images/s" in row]
        if measured:
            yield f"### {mode.capitalize()} on {backend}"
            yield origin(measured[0])
            yield table([speeds(row) for row in measured])
            yield table([memory(row) for row in measured])
    missing = [
        f"- {row['network']}, {row['mode']} on {row['backend']}, {who}: {why}"
        for row in rows
        for who, why in row["errors"].items()
    ]
    if missing:
        yield "Not measured:\n\n" + "\n".join(missing)


def origin(row):
    """Returns the date, the machine and the versions of a row."""
    versions = ", ".join(f"{n} {v}" for n, v in row["versions"].items())
    return f"{row['date']}, {row['machine']}; {versions}."


def speeds(row):
    """Returns a row of images per second, with the speedup of ours."""
    found = dict(row["images/s"])
    for name in list(found):
        if name.endswith("compiled"):
            found["compiled"] = found.pop(name)
    ours = found.get("ours")
    cells = {"network": row["network"], "batch": row["batch"]}
    cells["ours images/s"] = f"{ours:,.0f}" if ours else ""
    for who in PEERS:
        speed = found.get(who)
        cell = f"{speed:,.0f}" if speed else ""
        if speed and ours:
            cell += f" ({ours / speed:.2f})"
        cells[who] = cell
    return cells


def memory(row):
    """Returns a row of the growth of GPU memory."""
    found = row.get("MiB", {})
    cells = {f"{who} MiB": found.get(who, "") for who in ("ours", *PEERS[:2])}
    return {"network": row["network"], **cells}
