"""Draws the stages of a network as a column of boxes."""

import html

from diagrams.draw import ACCENT, ROW, SMALL, TEXT, TOP, frame, line
from diagrams.network import read, size, stages
from diagrams.parts import WIDTH

# The edge of the boxes, the height of a line, the gap between boxes, and the
# space inside of a box.
LEFT, LINE, GAP, SPACE = 6, 17, 32, 8
MIDDLE = WIDTH / 2


def drawing(function, text):
    """Returns the drawing that a page describes, and what it shows.

    Args:
        function: String, name of a function in `keras_attn.applications`.
        text: See `diagrams.network`.

    Raises:
        ValueError: If there is no such function, or no such layer.
    """
    model, ends = read(function, text)
    boxes = stages(model, ends)
    return draw(boxes, model, function), f"{words(model)}: {steps(boxes)}."


def draw(boxes, model, name):
    """Returns the drawing of a model as an `<svg>` element.

    Args:
        boxes: What `stages` returned.
        model: Functional `keras.Model`.
        name: String, unique on its page.
    """
    drawn = [image(model)]
    y, shape = 20, None
    for stage in boxes:
        top = y + GAP
        drawn += arrow(MIDDLE, y, top, shape)
        y = top + height(stage)
        drawn += box(stage, top)
        shape = stage.shape
    drawn += output(y, shape)
    return framed(name, words(model), steps(boxes), y, drawn)


def words(model):
    """Returns what a drawing shows, in one sentence."""
    return f"The stages of the network {model.name}, from image to output"


def steps(boxes):
    """Returns what a drawing shows, at length."""
    return "; ".join(
        f"{box.title}{f', {box.count} times' if box.count > 1 else ''}: "
        f"{', '.join(each.text for each in box.lines)}, to {size(box.shape)}"
        for box in boxes
    )


def image(model):
    """Returns the input, at the top."""
    return text(f"image, {size(model.input.shape[1:])}", MIDDLE, 14, "middle")


def arrow(x, start, end, shape=None):
    """Yields an arrow down, and what flows there."""
    yield line([(x, start + 3), (x, end - 2)])
    if shape is not None:
        yield text(size(shape), x + 10, end - 11, points=SMALL)


def output(y, shape):
    """Yields an arrow down to the output, at the bottom."""
    yield from arrow(MIDDLE, y, y + GAP)
    yield text(f"output, {size(shape)}", MIDDLE, y + GAP + 14, "middle")


def framed(name, words, told, y, drawn):
    """Returns an `<svg>` element whose last box ends at `y`."""
    rows = (y + GAP + 22 - 2 * TOP) / ROW
    return frame(name, words, told, rows, "".join(drawn))


def height(stage):
    """Returns how high the box of a stage is."""
    return LINE * (len(stage.lines) + 1) + 2 * SPACE


def box(stage, top, left=LEFT, wide=WIDTH - 2 * LEFT):
    """Yields the elements of a box."""
    yield (
        f'<rect x="{left}" y="{top}" width="{wide}" '
        f'height="{height(stage)}" rx="5"/>'
    )
    y = top + SPACE + 12
    yield text(stage.title, left + 12, y, weight=600)
    if stage.count > 1:
        times = f"× {stage.count}"
        yield text(times, left + wide - 12, y, "end", weight=600)
    for each in stage.lines:
        y += LINE
        if each.attends:
            yield (
                f'<rect x="{left + 6}" y="{y - 12.5}" width="{wide - 12}" '
                f'height="{LINE}" rx="4" style="fill: {ACCENT}" '
                'fill-opacity="0.14" stroke="none"/>'
            )
        yield text(each.text, left + 12, y, points=SMALL)


def text(words, x, y, anchor="start", points=TEXT, weight=400):
    """Returns a `<text>` element."""
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{points}" '
        f'font-weight="{weight}" fill="currentColor" stroke="none">'
        f"{html.escape(words)}</text>"
    )
