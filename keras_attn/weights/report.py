"""The report of what was loaded."""

from dataclasses import dataclass

from keras_attn.weights.layouts import Shape
from keras_attn.weights.shown import plain


@dataclass(frozen=True)
class Entry:
    """One loaded array: its source, target, shapes and layout."""

    source: str
    target: str
    torch_shape: Shape
    keras_shape: Shape
    layout: str


@dataclass(frozen=True)
class Report:
    """The result of `load_torch`; `str(report)` is a table.

    Args:
        entries: Tuple of `Entry`, one per loaded array.
        ignored: Names that the target does not use: counters such as
            `num_batches_tracked`, a classifier if the target has none, and
            names without the removed prefix.
        missing: Names that the source does not have.
        unexpected: Names that the target does not have.
        skipped: Names of arrays of the classifier that were not loaded because
            the source has another number of classes.
        taken: Keys and prefixes around the weights that were removed, such as
            `"state_dict.module"`; `""` if there were none.
        others: Alternative keys and prefixes that fit equally well. The
            argument `key` of `load_torch` selects one of them.
    """

    entries: tuple[Entry, ...]
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
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
        if self.skipped:
            lines.append(f"skipped: {', '.join(map(plain, self.skipped))}")
        if self.taken:
            lines.append(f"taken: {plain(self.taken)}")
        if self.others:
            lines.append(f"others: {', '.join(map(plain, self.others))}")
        return "\n".join(lines)
