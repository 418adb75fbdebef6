"""Draws a network that sees an image at several scales, side by side."""

from typing import NamedTuple

from diagrams.column import GAP, LEFT, arrow, box, framed, height, image, output
from diagrams.network import Line, Stage, read, size
from diagrams.parts import WIDTH

SPACE = 8


class Scale(NamedTuple):
    """A scale, with the shapes of its image and of its scores."""

    title: str
    image: tuple
    scores: tuple


def drawing(function, text):
    """Returns the drawing that a page describes, and what it shows.

    Args:
        function: String, name of a function in `keras_attn.applications`.
        text: See `diagrams.network`.

    Raises:
        ValueError: If there is no such function.
    """
    model, _ = read(function, text)
    words = f"The scales of the network {model.name}, merged by attention"
    found = scales(model)
    told = "; ".join(
        f"{each.title}: image {size(each.image)}, scores {size(each.scores)}"
        for each in found
    )
    return draw(found, model, function, words, told), f"{words}: {told}."


def scales(model):
    """Returns the scales of a model, the largest first.

    Args:
        model: `DeepLabASC` with `extra_supervision`, whose outputs are the
            merged scores and those of each scale.
    """
    layers = {layer.name: layer for layer in model.layers}
    found = []
    for name, scores in model.output.items():
        if name != "merged":
            resized = layers.get(f"image_{name}")
            seen = model.input if resized is None else resized.output
            title = name.replace("scale_", "scale ").replace("_", ".")
            shapes = seen.shape[1:], scores.shape[1:]
            found.append(Scale(title, *map(tuple, shapes)))
    return sorted(found, key=lambda scale: scale.image, reverse=True)


def draw(found, model, name, words, told):
    """Returns the drawing of a model as an `<svg>` element.

    Args:
        found: What `scales` returned.
        model: The model.
        name: String, unique on its page.
        words: String, what it shows.
        told: String, the same at length.
    """
    wide = (WIDTH - 2 * LEFT + SPACE) / len(found) - SPACE
    lefts = [LEFT + i * (wide + SPACE) for i in range(len(found))]
    middles = [left + wide / 2 for left in lefts]
    shared = Stage(
        "one network, shared by all scales",
        1,
        (Line("stage1 to fc7, then the classifier"),),
        (),
    )
    kind = type(model.get_layer("attention")).__name__
    lines = Line(kind, True), Line("weighs the scores at each position")
    attention = Stage("attention", 1, lines, ())
    drawn = [
        image(model),
        f'<path d="M{WIDTH / 2} 20 V30 M{middles[0]} 30 H{middles[-1]}"/>',
    ]
    first = 30 + GAP
    boxes = [
        Stage(each.title, 1, (Line(size(each.image)),), ()) for each in found
    ]
    second = first + height(boxes[0]) + GAP
    third = second + height(shared) + GAP
    for each, stage, left, x in zip(found, boxes, lefts, middles, strict=True):
        drawn += arrow(x, 27, first)
        drawn += box(stage, first, left, wide)
        drawn += arrow(x, second - GAP, second)
        # Left of the middle there is more room for a shape.
        drawn += arrow(x - 40, third - GAP, third, each.scores)
    drawn += box(shared, second)
    drawn += box(attention, third)
    end = third + height(attention)
    drawn += output(end, tuple(model.output["merged"].shape[1:]))
    return framed(name, words, told, end, drawn)
