"""Markdown tables of measurements: written, and read back."""


def formatted(rows):
    """Returns rows whose numbers are strings, rounded by their unit."""
    return [
        {name: _text(name, value) for name, value in row.items()}
        for row in rows
    ]


def _text(name, value):
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if name.endswith(("MiB", "MFLOP")):
        return f"{value:,.0f}"
    return f"{value:.1f}" if name.endswith("ms") else f"{value:.2f}"


def table(rows):
    """Returns a Markdown table of dicts with the same keys."""
    lines = [list(rows[0]), *(row.values() for row in formatted(rows))]
    lines = ["| " + " | ".join(cells) + " |" for cells in lines]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def tables(rows, groups):
    """Returns one table per group of columns, each with the first column."""
    first = next(iter(rows[0]))
    return "\n\n".join(
        table([{name: row[name] for name in (first, *group)} for row in rows])
        for group in groups
    )


def read(text):
    """Returns the paragraph before the tables of a section, and their rows.

    Several tables of a section have the same rows in the same order.
    """
    before, *paragraphs = text.strip().split("\n\n")
    rows = []
    for paragraph in paragraphs:
        if not paragraph.startswith("|"):
            continue
        names, _, *lines = (
            [cell.strip() for cell in line[1:-1].split("|")]
            for line in paragraph.splitlines()
        )
        found = [dict(zip(names, cells, strict=True)) for cells in lines]
        # All tables of a section have as many rows.
        pairs = zip(rows or [{}] * len(found), found, strict=True)
        rows = [some | more for some, more in pairs]
    return before, rows
