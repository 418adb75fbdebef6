"""Lists the published weights that can be loaded by name."""

import fnmatch
from collections.abc import Iterator, Sequence
from typing import overload

from keras_attn.applications.pretrained.entries import Entry, table


class Listing(Sequence[Entry]):
    """A sequence of entries that prints as a table."""

    def __init__(self, entries: Sequence[Entry]):
        self._entries = tuple(entries)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> "Listing": ...
    def __getitem__(self, index: int | slice) -> "Entry | Listing":
        if isinstance(index, slice):
            return Listing(self._entries[index])
        return self._entries[index]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listing) and self._entries == other._entries

    def __hash__(self) -> int:
        return hash(tuple(entry.name for entry in self))

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        rows = [
            ("name", "function", "classes", "size", "parameters", "licence")
        ]
        missing = any(entry.missing for entry in self)
        for entry in self:
            rows.append(
                (
                    entry.name,
                    entry.function or "-",
                    str(entry.classes or "-"),
                    " x ".join(map(str, entry.size)),
                    f"{entry.parameters / 1e6:.1f} M",
                    entry.license or "not stated",
                )
            )
        if missing:
            needs = [each.missing or "-" for each in self]
            rows = [
                (*row, need)
                for row, need in zip(rows, ["missing", *needs], strict=True)
            ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows
        )


def pretrained(pattern: str | None = None, *, missing: bool = False) -> Listing:
    """Lists the published weights that load by name.

    The list is part of this package and works offline. Use a name with
    `from_pretrained`, with `preprocessing` or as the `weights` of a model
    function. The licence is that of the weights.

    Args:
        pattern: Part of the names to list, such as `"ecaresnet"`, or a
            pattern with `*`, `?` and `[...]` that the whole name matches, such
            as `"timm/vit_*_in1k"`. Case is ignored. `None`
            lists all names. Defaults to `None`.
        missing: Whether to include weights of networks that this package cannot
            build. The last column then states what it lacks. Defaults to
            `False`.

    Returns:
        A sequence of dataclasses with the fields `name`, `function`,
        `classes`, `size`, `parameters`, `license`, `arguments` and those that
        `preprocessing` uses. Printing it shows a table.

    Raises:
        ValueError: If `pattern` is not a string.

    Example:

    >>> [entry.name for entry in keras_attn.applications.pretrained("*50d.mi*")]
    ['timm/ecaresnet50d.miil_in1k']
    """
    if not isinstance(pattern, str | None):
        raise ValueError(
            "`pattern` must be a part of a name, a pattern with `*`, or None. "
            f"Received: pattern={pattern!r}"
        )
    entries = [each for each in table().values() if missing or not each.missing]
    if pattern is None:
        return Listing(entries)
    pattern = pattern.lower()
    if any(sign in pattern for sign in "*?["):
        return Listing(
            [e for e in entries if fnmatch.fnmatchcase(e.name.lower(), pattern)]
        )
    return Listing([e for e in entries if pattern in e.name.lower()])
