"""The words that pictures of blocks are made of."""

import dataclasses

# Where lanes run, in units of a picture that is WIDTH wide.
WIDTH = 340
LANES = {
    "trunk": 34,
    "main": 200,
    "left": 138,
    "right": 262,
    "first": 106,
    "second": 196,
    "third": 286,
}
KINDS = {
    *("weights", "fixed", "join"),
    *("map", "plane", "vector", "matrix", "tokens"),
}


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
