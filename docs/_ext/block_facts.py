"""Adds the table of what a layer costs: ```` ```{block-facts} se ````.

A layer without a name in `layers.names()` is given as a class, with options
for its `arguments`, for the `shapes` of its inputs, in which `c` is the number
of channels, and for a description of these inputs, `given`. The formulas of
its parameters and multiply-adds are the options `weights` and `products`, with
definitions after a comma.

Parameters and FLOPs are counted when the site is built. Measurements are read
from other pages: see `records`.
"""

import math

import keras
import yaml
from catalogue import public
from records import (
    BENCHMARKS,
    CATALOGUE,
    MODES,
    STAGE,
    alone,
    costs,
    place,
    slowdowns,
    table,
)
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from benchmarks.layers import BATCH
from keras_attn import layers
from keras_attn.applications.resnet.slots import Slots

CHANNELS = (64, 256, 1024)
SIDE = 14
MAPS = f"a map of {SIDE} x {SIDE} positions"
HEAD = ["Cost", "Value"]
PLAIN = "Ours / plain PyTorch"
PLACES = {
    "block": "at the end of each residual branch, before the sum",
    "last": "at the end of the last residual branch of each stage",
    "convolution": "before each convolution, including the first",
    "shared": "at the end of each residual branch, with one layer per stage",
    "replace": "instead of the 3x3 convolution of each residual branch",
}


def setup(app):
    """Registers the directive."""
    app.add_directive("block-facts", BlockFacts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class BlockFacts(SphinxDirective):
    """The cost of one layer, as a table with its conditions below."""

    required_arguments = 1
    option_spec = {
        "arguments": yaml.safe_load,
        "shapes": yaml.safe_load,
        "given": str,
        "weights": str,
        "products": str,
    }

    def run(self):
        pages = []
        for path in (CATALOGUE, BENCHMARKS):
            self.env.note_dependency(str(path))
            pages.append(path.read_text())
        try:
            text = facts(self.arguments[0], *pages, **self.options)
        except ValueError as error:
            raise SphinxError(f"{self.get_location()}: {error}") from error
        return self.parse_text_to_nodes(text)


def facts(name, catalogue, benchmarks, **options):
    """Returns the cost of a layer in Markdown: a table and its conditions.

    Args:
        name: String, the name of a block or of a class.
        catalogue: String, the page with the costs in a ResNet-50.
        benchmarks: String, the page with the times of blocks alone.
        **options: See `counted`.

    Raises:
        ValueError: If there is no such layer, or no such table.
    """
    parts = [
        counted(name, **options),
        measured(name, catalogue),
        measured_alone(name, benchmarks),
    ]
    rows = [row for part in parts for row in part[0]]
    notes = [note for part in parts for note in part[1]]
    # Both measurements usually have one origin, which then comes last.
    notes = list(dict.fromkeys(reversed(notes)))[::-1]
    return table([HEAD, *rows]) + "\n\n- " + "\n- ".join(notes)


def counted(
    name, given=MAPS, weights=None, products=None, arguments=None, **options
):
    """Returns rows and notes on what is counted for the layer alone.

    Args:
        name: String, the name of a block or of a class.
        given: String, a description of its inputs.
        weights: String, the formula of its parameters, or `None`.
        products: String, the formula of its multiply-adds, or `None`.
        arguments: Dict, the arguments of the layer, or `None`.
        **options: See `case`.
    """
    cases = [
        case(name, channels, arguments, **options) for channels in CHANNELS
    ]
    numbers = [parameters(*each) for each in cases]
    at = " / ".join(f"{channels:,}" for channels in CHANNELS)
    rows = [["Parameters", _formula(weights)]] if weights else []
    if any(numbers):
        values = " / ".join(f"{number:,}" for number in numbers)
        rows.append([f"Parameters for {at} channels", values])
    else:
        rows.append(["Parameters", "none"])
    if products:
        rows.append(["Multiply-adds", _formula(products)])
    values = " / ".join(f"{mflop(*each):,.2f}" for each in cases)
    rows.append([f"MFLOPs for {at} channels", values])
    how = "" if arguments else "with default arguments, "
    return rows, [
        f"Parameters and FLOPs are counted in inference, {how}on {given}. A "
        "multiply-add counts as two FLOPs."
    ]


def measured(name, catalogue):
    """Returns rows and notes on what a block costs in a ResNet-50."""
    if name not in layers.names():
        return [], []
    where = PLACES[Slots(name, None, stages=4).placement]
    note = f'In `ResNet50(attention="{name}")` the block is {where}. '
    found = costs(catalogue)
    row = found["rows"].get(name)
    if row is None:
        return [], [note + "Its cost there was not measured."]
    added = f"{row['parameters']} parameters, {row['MFLOP']} MFLOPs per image"
    rows = [["Added to a ResNet-50", added]]
    times = slowdowns(row)
    if not times:
        return rows, [note + "Its slowdown was not measured."]
    rows += [
        [f"Slowdown of its {mode}", _listed(values)]
        for mode, values in times.items()
    ]
    note += (
        "*Slowdown* is the time with the block divided by the time without it."
    )
    return rows, [note, f"Measured {place(found['origins'])}."]


def measured_alone(name, benchmarks):
    """Returns rows and notes on the time of a layer alone."""
    kind = class_of(name).__name__
    found, origins = alone(kind, benchmarks)
    rows = [
        [
            f"{PLAIN}, {mode}{label.removeprefix(kind)}",
            _listed(times[mode]),
        ]
        for label, times in found.items()
        for mode in reversed(MODES)
        if mode in times
    ]
    if not rows:
        return [], []
    return rows, [
        f"*{PLAIN}* is the time of the layer alone divided by the time of its "
        f"published form, for {BATCH} maps of {STAGE}. Less than 1 is faster. "
        "*Training* is a forward and backward pass. Other sizes and "
        "milliseconds are in the {doc}`benchmarks </benchmarks>`.",
        f"Measured {place(origins)}.",
    ]


def _formula(text):
    """Returns a formula as code, followed by the text after its comma."""
    formula, comma, rest = text.partition(",")
    return f"`{formula}`{comma}{rest}"


def _listed(values):
    return ", ".join(f"{name} {value}" for name, value in values.items())


def class_of(name):
    """Returns the class with the name of a block, or with its own name.

    Raises:
        ValueError: If there is no such layer.
    """
    if name in layers.names():
        return type(layers.get(name))
    if name in public():
        return public()[name]
    raise ValueError(
        f"The layer must be one of {[*layers.names(), *public()]}. "
        f"Received: {name!r}"
    )


def case(name, channels, arguments=None, shapes=((SIDE, SIDE, "c"),)):
    """Returns a new layer, and the shapes of its inputs.

    Args:
        name: String, the name of a block or of a class.
        channels: Integer.
        arguments: Dict, or `None`.
        shapes: Sequence of shapes without the batch, or of lists of them,
            with `"c"` for the channels.

    Raises:
        ValueError: If there is no such layer.
    """
    cls, arguments = class_of(name), dict(arguments or {})
    if issubclass(cls, layers.base.FeatureMapLayer):
        arguments["data_format"] = "channels_last"
    return cls(**arguments), *(_shape(each, channels) for each in shapes)


def _shape(shape, channels):
    if isinstance(shape[0], list):
        return [_shape(each, channels) for each in shape]
    return (1, *(channels if side == "c" else side for side in shape))


def parameters(layer, *shapes):
    """Returns the number of trainable parameters of a layer."""
    if not layer.built:
        layer.build(*shapes)
    return sum(math.prod(w.shape) for w in layer.trainable_weights)


def mflop(layer, *shapes):
    """Returns the MFLOPs of one call, as XLA counts them.

    Requires JAX. `benchmarks.counts` does the same for a whole network.
    """
    import jax

    if not layer.built:
        layer.build(*shapes)

    def run(tensors, weights):
        state = list(zip(layer.variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return layer.call(*tensors)

    tensors = [_abstract(jax.ShapeDtypeStruct, shape) for shape in shapes]
    values = [variable.value for variable in layer.variables]
    lowered = jax.jit(run).lower(tensors, values)
    return lowered.cost_analysis()["flops"] / 1e6


def _abstract(make, shape):
    """Returns an abstract tensor, or one for each shape in a list."""
    if isinstance(shape, list):
        return [_abstract(make, each) for each in shape]
    return make(shape, "float32")
