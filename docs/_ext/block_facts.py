"""What a layer costs: ```` ```{block-facts} se ````.

What has no name in `layers.names()` is given as a class, with options for its
`arguments`, for the `shapes` that it is called with, in which `c` is the number
of channels, and for how they are `given`, in words.

Parameters and operations are counted of the layer itself at build; what was
measured is read from the tables of `layers/index.md` and `benchmarks.md`. No
number is typed.
"""

import math
import pathlib
import re

import keras
import yaml
from catalogue import public
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from benchmarks.layers import BATCH
from benchmarks.report import MARKS
from keras_attn import layers
from keras_attn.applications.resnet.slots import Slots

DOCS = pathlib.Path(__file__).parent.parent
CATALOGUE = DOCS / "layers" / "index.md"
BENCHMARKS = DOCS / "benchmarks.md"
# Of the stages of a ResNet-50 the one with most of its blocks.
STAGE = "14 x 14 x 1024"
CHANNELS = (64, 256, 1024)
SIDE = 14
MAPS = f"a map of {SIDE} x {SIDE} positions"
PLACES = {
    "block": "at the end of each residual branch, before the sum",
    "last": "at the end of the last residual branch of each stage",
    "convolution": "before each convolution, the first one too",
    "shared": "at the end of each residual branch, one layer for all of a "
    "stage",
}


def setup(app):
    """Registers the directive."""
    app.add_directive("block-facts", BlockFacts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class BlockFacts(SphinxDirective):
    """The costs of one block, as tables."""

    required_arguments = 1
    option_spec = {
        "arguments": yaml.safe_load,
        "shapes": yaml.safe_load,
        "given": str,
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


def facts(name, catalogue, benchmarks, given=MAPS, **options):
    """Returns what is known of a block, in Markdown.

    Args:
        name: String, the block's.
        catalogue: String, the page with the table of measured costs.
        benchmarks: String, the page with the tables of blocks by themselves.
        given: String, what it is called with.
        **options: See `case`.

    Raises:
        ValueError: If there is no such block, or no such table.
    """
    paragraphs = counted(name, given, **options) + measured(name, catalogue)
    return "\n\n".join(paragraphs + measured_alone(name, benchmarks))


def counted(name, given=MAPS, **options):
    """Returns paragraphs on what is counted of the layer by itself."""
    cases = [case(name, channels, **options) for channels in CHANNELS]
    rows = [
        ["channels", *(f"{channels:,}" for channels in CHANNELS)],
        ["parameters", *(f"{parameters(*each):,}" for each in cases)],
        ["MFLOP", *(f"{mflop(*each):,.2f}" for each in cases)],
    ]
    return [
        table(rows),
        f"Counted of the layer as it comes, in inference, for {given}; a "
        "multiplication and an addition are two operations.",
    ]


def measured(name, catalogue):
    """Returns paragraphs on where a block sits, and what it costs there."""
    if name not in layers.names():
        return []
    place = PLACES[Slots(name, None, stages=4).placement]
    sits = f'In `ResNet50(attention="{name}")` it sits {place}.'
    found = costs(catalogue)
    row = found["rows"].get(name)
    if row is None:
        return [sits, "What it costs there was not measured."]
    adds = (
        f"There it adds {row['parameters']} parameters and {row['MFLOP']} "
        "MFLOP for an image of 224 x 224."
    )
    times = {column: value for column, value in row.items() if ", " in column}
    if not any(times.values()):
        slowed = "By how much it slows that network was not measured."
        return [sits, adds, slowed]
    modes = list(dict.fromkeys(each.split(", ")[1] for each in times))
    backends = list(dict.fromkeys(each.split(", ")[0] for each in times))
    rows = [["of the time without it", *modes]] + [
        [backend, *(times[f"{backend}, {mode}"] for mode in modes)]
        for backend in backends
    ]
    return [sits, adds, table(rows), _origin(found["origins"])]


def measured_alone(name, benchmarks):
    """Returns paragraphs on what a block takes by itself."""
    kind = class_of(name).__name__
    rows, origins = [], []
    for backend, rest in re.findall(
        r"(?ms)^### Blocks on (\w+)$(.*?)(?=^#|\Z)", benchmarks
    ):
        origin, *_ = rest.split("\n\n")[1:]
        origins.append(f"{backend}: {origin}")
        # `FCA` and `FCA pooled` are of one kind.
        rows += [
            [
                f"{row['block']} on {backend}",
                *(row[f"{each} {STAGE}"] for each in ("forward", "backward")),
            ]
            for row in dicts(rest)
            if row["block"].split()[0] == kind
        ]
    if not origins:
        raise ValueError(
            "The page of benchmarks must have sections 'Blocks on ...'. "
            "Received: a page without. `make bench` writes them"
        )
    if not rows:
        return []
    return [
        f"By itself, for {BATCH} maps of {STAGE}, as a fraction of the time "
        "that the published form takes in plain PyTorch, and in milliseconds; "
        "other sizes are among the {doc}`benchmarks </benchmarks>`:",
        table([["", "inference", "forward and backward"], *rows]),
        _origin(origins),
    ]


def _origin(origins):
    """Returns when, where and with what, each said once."""
    places, versions = [], []
    for origin in origins:
        backend, _, rest = origin.removesuffix(".").partition(": ")
        place, _, used = rest.partition("; ")
        places.append((backend, place))
        versions += used.split(", ")
    different = {place for _, place in places}
    where = (
        different.pop()
        if len(different) == 1
        else "; ".join(f"{backend}: {place}" for backend, place in places)
    )
    return f"Measured {where}; {', '.join(dict.fromkeys(versions))}."


def table(rows):
    """Returns a Markdown table of lists, the first of which is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def dicts(text):
    """Returns the rows of the Markdown table in a text, as dicts."""
    lines = [
        [cell.strip() for cell in line.split("|")]
        for line in re.findall(r"(?m)^\|(.*)\|$", text)
    ]
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]]


def class_of(name):
    """Returns the class of a block's name, or of its own.

    Raises:
        ValueError: If there is no such layer.
    """
    if name in layers.names():
        return type(layers.get(name))
    if name in public():
        return public()[name]
    raise ValueError(
        f"Facts are of one of {[*layers.names(), *public()]}. "
        f"Received: {name!r}"
    )


def case(name, channels, arguments=None, shapes=((SIDE, SIDE, "c"),)):
    """Returns a new layer, and the shapes of what it is given.

    Args:
        name: String, of a block or a class.
        channels: Integer.
        arguments: Dict, or nothing.
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
    """Returns how many numbers a layer learns."""
    if not layer.built:
        layer.build(*shapes)
    return sum(math.prod(w.shape) for w in layer.trainable_weights)


def mflop(layer, *shapes):
    """Returns the operations of one call, in millions, as XLA counts them.

    Only with JAX, and as `benchmarks.counts` does it for a whole network.
    """
    import jax

    if not layer.built:
        layer.build(*shapes)

    def run(tensors, weights):
        state = list(zip(layer.variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return layer.call(*tensors)

    tensors = [_abstract(jax.ShapeDtypeStruct, shape) for shape in shapes]
    lowered = jax.jit(run).lower(tensors, _values(layer.variables))
    return lowered.cost_analysis()["flops"] / 1e6


def _abstract(make, shape):
    """Returns what stands for a tensor, or for each of a list."""
    if isinstance(shape, list):
        return [_abstract(make, each) for each in shape]
    return make(shape, "float32")


def _values(variables):
    return [variable.value for variable in variables]


def costs(catalogue):
    """Returns the table of measured costs: rows by block, and its origins.

    Raises:
        ValueError: If the page has no such table.
    """
    try:
        _, text = catalogue.split(MARKS[0])
        text, _ = text.split(MARKS[1])
    except ValueError as error:
        raise ValueError(
            f"A table must stand between {MARKS[0]!r} and {MARKS[1]!r}. "
            "Received: a page without it. `make bench` writes it"
        ) from error
    rows = {row["block"].strip("`"): row for row in dicts(text)}
    origins = re.findall(r"(?m)^\w+: \d{4}-.*\.$", text)
    if not rows or not origins:
        raise ValueError(
            "The table of costs must have rows, and say where and when they "
            f"were measured. Received: {len(rows)} rows, {origins}"
        )
    return {"rows": rows, "origins": origins}
