"""The elements of diagrams of blocks."""

import dataclasses

# The positions of lanes in a diagram that is WIDTH units wide.
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
        kind: `"weights"` or `"fixed"` for a box, `"map"`, `"plane"`,
            `"vector"`, `"matrix"` or `"tokens"` for a tensor, `"join"` for a
            circle.
        text: String, the label; `*x*` is italic, lines end in `\\n`.
        x: Number, the centre.
        row: Number, counted from the top.
        note: String, the shape of a tensor.
        holds: Tuple of strings, the prefixes of the names of its weights.
        wide: Number, or `None` for the width of the text.
        optional: Whether it depends on an argument of the layer.
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
        """The lines of the label."""
        return self.text.split("\n")


@dataclasses.dataclass(frozen=True)
class Picture:
    """The diagram of a block.

    Args:
        words: String, a description for readers who cannot see it.
        letters: String, the legend of its symbols.
        parts: Dict from names to `Part`.
        flows: Tuple of strings, `"from > to"` or `"from > to: shape"`.
    """

    words: str
    letters: str
    parts: dict
    flows: tuple

    @property
    def arrows(self):
        """The flows as tuples: start, end and label.

        Raises:
            ValueError: If an end of a flow is not a part.
        """
        arrows = []
        for flow in self.flows:
            ends, _, label = flow.partition(":")
            names = tuple(name.strip() for name in ends.split(">"))
            if len(names) != 2 or not set(names) <= set(self.parts):
                raise ValueError(
                    "A flow must go from one part to another, of "
                    f"{sorted(self.parts)}. Received: {flow!r}"
                )
            arrows.append((*names, label.strip()))
        return arrows
