"""What was loaded, and from where."""

from dataclasses import dataclass

from keras_attn.weights.layouts import Shape
from keras_attn.weights.shown import plain


@dataclass(frozen=True)
class Entry:
    """One array that was loaded: from where, to where and how laid out."""

    source: str
    target: str
    torch_shape: Shape
    keras_shape: Shape
    layout: str


@dataclass(frozen=True)
class Report:
    """What `load_torch` did; `str(report)` is a table.

    Args:
        entries: Tuple of `Entry`, one for each array that was loaded.
        ignored: Names that the target has no use for: counters such as
            `num_batches_tracked`, a classifier where the target has none, and
            what is not under the prefix that was taken.
        missing: Names that the source does not have.
        unexpected: Names that the target does not have.
        taken: Keys and prefixes that led to the weights, such as
            `"state_dict.module"`; `""` if there were none.
        others: What would have led to weights that fit as well; `key=` of
            `load_torch` chooses.
    """

    entries: tuple[Entry, ...]
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    taken: str = ""
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = [("source", "target", "PyTorch", "Keras", "layout")]
        for entry in self.entries:
            shapes = str(entry.torch_shape), str(entry.keras_shape)
            rows.append((entry.source, entry.target, *shapes, entry.layout))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows
        ]
        for kind in ("ignored", "missing", "unexpected"):
            names = map(plain, getattr(self, kind))
            lines.append(f"{kind}: {', '.join(names) or 'none'}")
        if self.taken:
            lines.append(f"taken: {plain(self.taken)}")
        if self.others:
            lines.append(f"others: {', '.join(map(plain, self.others))}")
        return "\n".join(lines)
