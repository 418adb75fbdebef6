"""Draws the diagram of a block as SVG, in the colours of its page."""

import html
import re

from diagrams.parts import WIDTH

ROW = 49
TOP = 26
TEXT, SMALL = 13, 11.5
LETTER = 6.7
ACCENT = "var(--color-brand-content, currentColor)"
SIZES = {
    "map": (46, 38),
    "plane": (30, 30),
    "vector": (72, 14),
    "matrix": (34, 34),
    "tokens": (44, 33),
    "join": (24, 24),
}
TENSORS = ("map", "plane", "vector", "matrix", "tokens")


def draw(picture, name):
    """Returns a diagram as an `<svg>` element.

    Args:
        picture: A `Picture`.
        name: String, unique on its page.
    """
    parts = picture.parts
    arrows = "".join(
        _arrow(parts[start], parts[end], label)
        for start, end, label in picture.arrows
    )
    drawn = "".join(map(shape, parts.values()))
    rows = max(part.row for part in parts.values())
    return frame(name, picture.words, steps(picture), rows, arrows + drawn)


def frame(name, words, told, rows, drawn):
    """Returns an `<svg>` element.

    Args:
        name: String, unique on its page.
        words: String, the title.
        told: String, the long description.
        rows: Number, the last row.
        drawn: String, the elements of the diagram.
    """
    height = TOP * 2 + ROW * rows
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
        f'{height:.0f}" width="{WIDTH}" height="{height:.0f}" role="img" '
        f'aria-labelledby="{name}-title {name}-steps" fill="none" '
        'stroke="currentColor" stroke-width="1.3" '
        f'font-family="inherit" font-size="{TEXT}" '
        'style="width: 25rem; max-width: 100%; height: auto">'
        f'<title id="{name}-title">{html.escape(words)}</title>'
        f'<desc id="{name}-steps">{html.escape(told)}</desc>'
        f"{drawn}</svg>"
    )


def steps(picture):
    """Returns a description of all flows."""
    parts = {name: _spoken(part) for name, part in picture.parts.items()}
    return "; ".join(
        f"{parts[start]} to {parts[end]}" + (f" ({label})" if label else "")
        for start, end, label in picture.arrows
    ).replace("*", "")


def _spoken(part):
    text = " ".join(part.lines)
    if part.kind == "join":
        return {"×": "product", "+": "sum"}.get(text, text)
    return f"{text}, with weights" if part.kind == "weights" else text


def _size(part):
    """Returns the width and height."""
    if part.kind in SIZES:
        return SIZES[part.kind]
    letters = max(len(line.replace("*", "")) for line in part.lines)
    return part.wide or letters * LETTER + 22, 14 + 15 * len(part.lines)


def box(part):
    """Returns the centre, and half of the width and height."""
    width, height = _size(part)
    return part.x, TOP + ROW * part.row, width / 2, height / 2


def _arrow(start, end, label):
    points = route(start, end)
    drawn = line(points, start.optional or end.optional)
    if not label:
        return drawn
    (x0, y0), (x1, y1) = points[-2:]
    if x0 != x1:
        return drawn + _text(label, max(x0, x1) - 4, y1 - 6, "end")
    return drawn + _text(label, x1 + 6, (max(y0, y1 - ROW) + y1) / 2 + 3)


def line(points, optional=False):
    """Returns an arrow along the given points."""
    (x0, y0), (x1, y1) = points[-2:]
    dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    # The line ends at the base of the head.
    ends = [*points[:-1], (x1 - 5 * dx, y1 - 5 * dy)]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in ends)
    head = (
        f"M{x1:.1f} {y1:.1f} L{x1 - 7 * dx - 4 * dy:.1f} "
        f"{y1 - 7 * dy - 4 * dx:.1f} L{x1 - 7 * dx + 4 * dy:.1f} "
        f"{y1 - 7 * dy + 4 * dx:.1f} Z"
    )
    return f'<path d="{path}"{_dashes(optional)}/>' + (
        f'<path d="{head}" fill="currentColor" stroke="none"/>'
    )


def route(start, end):
    """Returns the corners of an arrow."""
    x0, y0, wide0, high0 = box(start)
    x1, y1, wide1, high1 = box(end)
    side = 1 if x1 > x0 else -1
    if start.kind == "map" and side < 0:
        wide0 = 15  # The other plates of a map are on its right.
    if y0 == y1:
        return [(x0 + side * wide0, y0), (x1 - side * wide1, y1)]
    for x in (x0, x1):
        if abs(x - x0) <= max(wide0 - 9, 0) and abs(x - x1) <= max(
            wide1 - 9, 0
        ):
            return [(x, y0 + high0), (x, y1 - high1)]
    if end.kind == "join":
        return [(x0, y0 + high0), (x0, y1), (x1 - side * wide1, y1)]
    if start.kind in TENSORS or start.kind == "join":
        return [(x0 + side * wide0, y0), (x1, y0), (x1, y1 - high1)]
    middle = y1 - high1 - 13
    return [(x0, y0 + high0), (x0, middle), (x1, middle), (x1, y1 - high1)]


def shape(part):
    """Returns the drawing of a part."""
    x, y, wide, high = box(part)
    if part.kind == "join":
        circle = f'<circle cx="{x}" cy="{y}" r="{wide}"/>'
        return circle + _text(part.text, x, y + 6, "middle", 19)
    if part.kind in TENSORS:
        return _tensor(part, x, y, wide, high)
    colour = f' style="stroke: {ACCENT}" stroke-width="2"'
    attributes = colour if part.kind == "weights" else ""
    drawn = (
        f'<rect x="{x - wide:.1f}" y="{y - high:.1f}" width="{2 * wide:.1f}" '
        f'height="{2 * high:.1f}" rx="5"{attributes}'
        f"{_dashes(part.optional)}/>"
    )
    if part.kind == "weights":
        inside = f'width="{2 * wide:.1f}" height="{2 * high:.1f}" rx="5"'
        drawn += (
            f'<rect x="{x - wide:.1f}" y="{y - high:.1f}" {inside} '
            f'style="fill: {ACCENT}" fill-opacity="0.12" stroke="none"/>'
            f'<rect x="{x - wide:.1f}" y="{y - high:.1f}" width="6" '
            f'height="{2 * high:.1f}" rx="3" style="fill: {ACCENT}" '
            'stroke="none"/>'
        )
        x += 3
    first = y + 4.5 - 7.5 * (len(part.lines) - 1)
    for index, line in enumerate(part.lines):
        drawn += _text(line, x, first + 15 * index, "middle", TEXT)
    return drawn


def _tensor(part, x, y, wide, high):
    """Returns the drawing of a tensor with its name and shape."""
    drawn = ""
    left, top = x - wide, y - high
    if part.kind == "map":
        left = x - 15
        for shift in (8, 4):
            drawn += (
                f'<path d="M{left + shift} {top + 8 - shift} h30 v30" '
                'stroke-opacity="0.7"/>'
            )
        drawn += f'<rect x="{left}" y="{top + 8}" width="30" height="30"/>'
        drawn += _text(part.text, left + 15, top + 28, "middle", 15)
    elif part.kind == "plane":
        drawn += f'<rect x="{left}" y="{top}" width="30" height="30"/>'
        drawn += _text(part.text, x, y + 5, "middle", 15)
    else:
        columns, rows = {"vector": (6, 1), "tokens": (1, 4), "matrix": (4, 4)}[
            part.kind
        ]
        drawn += (
            f'<rect x="{left}" y="{top}" width="{2 * wide}" '
            f'height="{2 * high}"/>'
        )
        cells = [
            f"M{left + 2 * wide * i / columns:.1f} {top} v{2 * high}"
            for i in range(1, columns)
        ]
        cells += [
            f"M{left} {top + 2 * high * i / rows:.1f} h{2 * wide}"
            for i in range(1, rows)
        ]
        drawn += f'<path d="{" ".join(cells)}" stroke-opacity="0.45"/>'
        note = f"{part.text}, {part.note}" if part.note else part.text
        return drawn + _text(note, x + wide + 6, y + 4, size=TEXT)
    if part.note:
        drawn += _text(part.note, x + wide + 5, y - 6)
    return drawn


def _dashes(optional):
    return ' stroke-dasharray="5 4"' if optional else ""


def _text(text, x, y, anchor="start", size=SMALL):
    text = re.sub(
        r"\*([^*]+)\*",
        r'<tspan font-style="italic">\1</tspan>',
        html.escape(text),
    )
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'font-size="{size}" fill="currentColor" stroke="none">{text}</text>'
    )
