"""Draws the stages of a network as a column of boxes."""

import html

from diagrams.draw import ACCENT, ROW, SMALL, TEXT, TOP, frame, line
from diagrams.network import read, size, stages
from diagrams.parts import WIDTH

# The edge of the boxes, the height of a line, the gap between boxes, and the
# space inside of a box.
LEFT, LINE, GAP, SPACE = 6, 17, 32, 8


def drawing(function, text):
    """Returns the drawing that a page describes, and what it shows.

    Args:
        function: String, name of a function in `keras_attn.applications`.
        text: See `diagrams.network`.

    Raises:
        ValueError: If the text or the model has another form.
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
    middle = WIDTH / 2
    shapes = [model.input.shape[1:]]
    drawn = [_text(f"image, {size(shapes[0])}", middle, 14, "middle")]
    y = 20
    for box in boxes:
        top = y + GAP
        drawn.append(line([(middle, y + 3), (middle, top - 2)]))
        if len(shapes) > 1:
            label = size(shapes[-1])
            drawn.append(_text(label, middle + 10, top - 11, points=SMALL))
        y = top + LINE * (len(box.lines) + 1) + 2 * SPACE
        drawn += _drawn(box, top, y - top)
        shapes.append(box.shape)
    drawn.append(line([(middle, y + 3), (middle, y + GAP - 2)]))
    y += GAP + 14
    drawn.append(_text(f"output, {size(shapes[-1])}", middle, y, "middle"))
    rows = (y + 8 - 2 * TOP) / ROW
    return frame(name, words(model), steps(boxes), rows, "".join(drawn))


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


def _drawn(box, top, height):
    """Yields the elements of a box."""
    wide = WIDTH - 2 * LEFT
    yield (
        f'<rect x="{LEFT}" y="{top}" width="{wide}" height="{height}" rx="5"/>'
    )
    left, right = LEFT + 12, WIDTH - LEFT - 12
    y = top + SPACE + 12
    yield _text(box.title, left, y, weight=600)
    if box.count > 1:
        yield _text(f"× {box.count}", right, y, "end", weight=600)
    for each in box.lines:
        y += LINE
        if each.attends:
            yield (
                f'<rect x="{LEFT + 6}" y="{y - 12.5}" width="{wide - 12}" '
                f'height="{LINE}" rx="4" style="fill: {ACCENT}" '
                'fill-opacity="0.14" stroke="none"/>'
            )
        yield _text(each.text, left, y, points=SMALL)


def _text(text, x, y, anchor="start", points=TEXT, weight=400):
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{points}" '
        f'font-weight="{weight}" fill="currentColor" stroke="none">'
        f"{html.escape(text)}</text>"
    )
