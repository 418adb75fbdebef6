"""Reads the stages of a network from its Keras graph.

A page names the function, its arguments, and further layers that end a stage:

```
arguments: {attention: se}
ends: [fc7]
```

A stage ends at a layer with a promised name (`stem`, `stage1`, `block1` ...) or
at one of `ends`. It holds every layer that its end depends on and that no
earlier stage holds. The residual blocks of a stage end at layers called
`stage1_block1`, `stage1_block2` and so on.
"""

import itertools
import re
from typing import NamedTuple

import keras
import yaml

from keras_attn import applications

END = re.compile(r"stem|(stage|block)\d+")
# Layers that change only the order or the shape of their input.
PLUMBING = {"Identity", "InputLayer", "Permute", "Reshape"}
# Layers that share a line with the layer before them.
TRAILING = {"Activation", "BatchNormalization", "Dropout", "ReLU", "Softmax"}
WORDS = {
    "Add": "sum",
    "AveragePooling2D": "AvgPool",
    "BatchNormalization": "BN",
    "Conv2D": "Conv",
    "Conv2DNormActivation": "Conv",
    "LayerNormalization": "LayerNorm",
    "MaxPooling2D": "MaxPool",
    "ResidualAdd": "sum + ReLU",
    "Softmax": "softmax",
}
ACTIVATIONS = {
    "gelu": "GELU",
    "gelu_tanh": "GELU",
    "linear": "",
    "relu": "ReLU",
}


class Line(NamedTuple):
    """A layer as it is written, and whether it is an attention block."""

    text: str
    attends: bool = False


class Stage(NamedTuple):
    """A box of the drawing.

    Attributes:
        title: Name of the layer that ends it, or `"block1 to block12"`.
        count: How often its lines repeat.
        lines: Tuple of `Line`.
        shape: Output shape without the batch.
    """

    title: str
    count: int
    lines: tuple
    shape: tuple


def read(function, text):
    """Returns the model that a page describes, and the ends of its stages.

    Raises:
        ValueError: If there is no such function.
    """
    make = getattr(applications, function, None)
    if make is None:
        raise ValueError(
            "A drawing must be of a function in `keras_attn.applications`. "
            f"Received: {function!r}"
        )
    found = yaml.safe_load(text) or {}
    return make(**found.get("arguments", {})), found.get("ends", ())


def stages(model, ends=()):
    """Returns the stages of a model, in order.

    Args:
        model: Functional `keras.Model` with one input and one output, each of
            whose layers is called once.
        ends: Names of further layers that end a stage.

    Raises:
        ValueError: If the model has no layer of such a name.
    """
    names = [layer.name for layer in model.layers]
    if missing := sorted({*ends} - {*names}):
        raise ValueError(
            f"`ends` must be names of layers. Received: {missing}, which are "
            f"not in the model {model.name!r}"
        )
    chosen = {*ends, names[-1]}
    found = [name for name in names if END.fullmatch(name) or name in chosen]
    parents = _parents(model)
    boxes = []
    for layers in _split(model.layers, found, parents):
        boxes += _boxes(layers, parents)
    return _folded(boxes)


def _parents(model):
    """Returns the names of the layers that each layer reads."""
    made = {
        id(tensor): layer.name
        for layer in model.layers
        for tensor in keras.tree.flatten(layer.output)
    }
    return {
        layer.name: [
            made[id(tensor)] for tensor in keras.tree.flatten(layer.input)
        ]
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer)
    }


def _upstream(name, parents):
    """Returns the names of a layer and of all that it depends on."""
    found, waiting = set(), [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += parents.get(name, ())
    return found


def _split(layers, ends, parents):
    """Returns the layers of each end, without those of earlier ends."""
    parts, seen = [], set()
    for end in ends:
        own = _upstream(end, parents) - seen
        parts.append([layer for layer in layers if layer.name in own])
        seen |= own
    return parts


def _boxes(layers, parents):
    """Returns a box for a stage, or one for each block if blocks differ."""
    end = layers[-1]
    block = re.compile(rf"{end.name}_block\d+")
    ends = [each.name for each in layers if block.fullmatch(each.name)]
    units = _split(layers, [*ends, end.name], parents)
    several = len(units) > 1
    found = []
    for unit in units:
        aside = _aside(unit, parents)
        main = [layer for layer in unit if layer.name not in aside]
        rest = [layer for layer in unit if layer.name in aside]
        # The first of several blocks may have a stride; the shapes show it.
        found.append([_lines(each, not several) for each in (main, rest)])
    (main, aside), *others = found
    if all(each == [main, ()] for each in others):
        where = "shortcut in block 1" if several else "shortcut"
        main += tuple(Line(f"{where}: {each.text}") for each in aside)
        return [Stage(end.name, len(units), main, _shape(end))]
    return [
        Stage(
            unit[-1].name,
            1,
            main + tuple(Line(f"shortcut: {each.text}") for each in aside),
            _shape(unit[-1]),
        )
        for unit, (main, aside) in zip(units, found, strict=True)
    ]


def _aside(unit, parents):
    """Returns the names of the layers on the shortcut of a residual block."""
    names = {layer.name for layer in unit}
    branches = [
        _upstream(parent, parents) & names for parent in parents[unit[-1].name]
    ]
    if len(branches) < 2:
        return set()
    return set.union(*branches) - max(branches, key=len)


def _shape(layer):
    return tuple(layer.output.shape[1:])


def _lines(layers, strides):
    """Returns the lines for layers that follow one another."""
    found = []
    for layer in layers:
        kind = type(layer).__name__
        text = "" if kind in PLUMBING else describe(layer, strides)
        if kind in TRAILING and text and found:
            before = found[-1]
            found[-1] = before._replace(text=f"{before.text} + {text}")
        elif text:
            found.append(Line(text, hasattr(layer, "attention")))
    return tuple(_repeated(found))


def _repeated(lines):
    """Yields the lines, equal ones that follow one another as one."""
    for each, group in itertools.groupby(lines):
        count = len([*group])
        times = f"{count} × " if count > 1 else ""
        yield each._replace(text=times + each.text)


def describe(layer, strides=True):
    """Returns the kind of a layer and its size, such as `"Conv 3 × 3, 64"`.

    Args:
        layer: A built Keras layer.
        strides: Whether to include the strides.
    """
    kind = type(layer).__name__
    if kind == "Activation":
        return _activation(layer)
    if kind == "Cropping1D":
        return f"crop to {layer.output.shape[1]} token"
    # `Conv2DNormActivation` holds its convolution.
    inner = getattr(layer, "convolution", layer)
    sides = _given(inner, "kernel_size", "pool_size")
    parts = [WORDS.get(kind, kind) + (f" {size(sides)}" if sides else "")]
    if number := _given(inner, "filters", "units"):
        parts.append(str(number))
    if heads := _given(layer, "num_heads"):
        parts.append(f"{heads} heads")
    if max(rate := _given(inner, "dilation_rate") or (1,)) > 1:
        parts.append(f"dilation {rate[0]}")
    usual = sides if hasattr(inner, "pool_size") else (1, 1)
    step = _given(inner, "strides")
    if strides and step and tuple(step) != tuple(usual):
        parts.append(f"stride {step[0]}")
    parts = [", ".join(parts)]
    if inner is not layer:
        parts.append("BN")
    if sides or hasattr(layer, "units"):
        parts.append(_activation(layer))
    return " + ".join(filter(None, parts))


def _given(layer, *names):
    """Returns the first of the attributes that a layer has, or `None`."""
    return next((getattr(layer, n) for n in names if hasattr(layer, n)), None)


def _activation(layer):
    function = getattr(layer, "activation", None)
    name = getattr(function, "__name__", "")
    return ACTIVATIONS.get(name, name)


def _folded(boxes):
    """Returns the boxes, equal ones that follow one another as one."""
    found = []
    for (count, *same), group in itertools.groupby(boxes, lambda box: box[1:]):
        titles = [box.title for box in group]
        if count == 1 and len(titles) > 1:
            count = len(titles)
            titles = [f"{titles[0]} to {titles[-1]}"]
        found += [Stage(title, count, *same) for title in titles]
    return found


def size(shape):
    """Returns a shape as it is written, with `?` for unknown sides."""
    return " × ".join("?" if side is None else str(side) for side in shape)
