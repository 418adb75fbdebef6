"""The words that pictures of blocks are made of."""

import dataclasses

# Where lanes run, in units of a picture that is WIDTH wide.
WIDTH = 340
TRUNK = 34
MAIN = 200
LEFT, RIGHT = 138, 262
FIRST, SECOND, THIRD = 106, 196, 286


@dataclasses.dataclass(frozen=True)
class Part:
    """A box, a tensor, or a circle that joins two tensors.

    Args:
        kind: `"weights"` or `"fixed"` of a box, `"map"`, `"plane"`,
            `"vector"`, `"matrix"` or `"tokens"` of a tensor, `"join"` of a
            circle.
        text: What is written in it; `*x*` is italic, lines end in `\\n`.
        x: Number, its middle.
        row: Number, counted from the top.
        note: Of a tensor, its shape.
        holds: Of a box with weights, what their names begin with.
        wide: Number, or `None` for what the text takes.
        optional: Whether an argument of the layer asks for it.
    """

    kind: str
    text: str
    x: float
    row: float
    note: str = ""
    holds: tuple = ()
    wide: float | None = None
    optional: bool = False

    @property
    def lines(self):
        """The lines of the text."""
        return self.text.split("\n")


@dataclasses.dataclass(frozen=True)
class Picture:
    """What is drawn of a block.

    Args:
        words: String, what it shows, for those who do not see it.
        letters: String, what its letters stand for.
        parts: Dict from names to `Part`.
        flows: Strings, `"from > to"` or `"from > to: shape"`.
    """

    words: str
    letters: str
    parts: dict
    flows: tuple

    @property
    def arrows(self):
        """The flows as tuples: from, to, and what is written beside it.

        Raises:
            ValueError: If a flow begins or ends nowhere.
        """
        arrows = []
        for flow in self.flows:
            ends, _, label = flow.partition(":")
            names = tuple(name.strip() for name in ends.split(">"))
            if len(names) != 2 or not set(names) <= set(self.parts):
                raise ValueError(
                    "A flow goes from a part to another one, of "
                    f"{sorted(self.parts)}. Received: {flow!r}"
                )
            arrows.append((*names, label.strip()))
        return arrows


def weights(text, x, row, *holds, wide=None, optional=False):
    """Returns a box that holds weights, of which `holds` is the beginning."""
    return Part(
        "weights", text, x, row, holds=holds, wide=wide, optional=optional
    )


def fixed(text, x, row, wide=None, optional=False):
    """Returns a box for an operation without weights."""
    return Part("fixed", text, x, row, wide=wide, optional=optional)


def tensor(kind, text, x, row, note=""):
    """Returns a tensor of one of the kinds."""
    return Part(kind, text, x, row, note=note)


def join(text, x, row):
    """Returns a circle: `"×"`, `"+"`."""
    return Part("join", text, x, row)


def image(row=0, text="*x*", note="h × w × c"):
    """Returns a feature map on the trunk."""
    return tensor("map", text, TRUNK, row, note)
