"""Draws the rooms of the package on floors, with the allowed imports.

Each line has a room, the columns that it covers, out of `COLUMNS`, and the
rooms that it may import. Each paragraph is a floor. All rooms may import those
on the last floor:

```
layers  1-6  ops backend

ops  3-10  backend

backend  1-10

checks  1-10
```
"""

import dataclasses
import re

from diagrams.draw import box, frame, line, shape
from diagrams.parts import WIDTH, Part

COLUMNS = 32
EDGE = 3
UNIT = (WIDTH - 2 * EDGE) / COLUMNS
# The width that an arrow needs.
APART = 8
LINE = re.compile(r"(\w+) +(\d+)-(\d+)((?: +\w+)*)")


@dataclasses.dataclass(frozen=True)
class Room:
    """A box on a floor.

    Args:
        name: String, the label.
        left: Number, the left edge.
        right: Number, the right edge.
        floor: Integer, counted from the top.
        imports: Tuple with the names of rooms that it may import.
    """

    name: str
    left: float
    right: float
    floor: int
    imports: tuple

    @property
    def part(self):
        """The box, as a part of a diagram."""
        wide = self.right - self.left
        return Part(
            "fixed", self.name, self.left + wide / 2, self.floor, wide=wide
        )


def read(text):
    """Returns the rooms that a text describes, by name.

    Raises:
        ValueError: If the text is not a valid description, or if a room may
            import one that is not below it.
    """
    rooms = {}
    for floor, lines in enumerate(text.strip().split("\n\n")):
        for text in lines.split("\n"):
            if not (found := LINE.fullmatch(text.strip())):
                raise ValueError(
                    "A line must have a room, its columns and the rooms that "
                    f"it may import. Received: {text!r}"
                )
            name, first, last, imports = found.groups()
            left, right = (int(first) - 1) * UNIT, int(last) * UNIT
            rooms[name] = Room(
                name, EDGE + left, EDGE + right, floor, tuple(imports.split())
            )
    for room in rooms.values():
        for name in room.imports:
            if name not in rooms or rooms[name].floor <= room.floor:
                raise ValueError(
                    "A room can only import rooms drawn below it. Received: "
                    f"{name!r}, imported by {room.name!r}"
                )
    return rooms


def draw(rooms, words):
    """Returns the rooms as an `<svg>` element.

    Args:
        rooms: Dict, as returned by `read`.
        words: String, the title of the diagram.
    """
    drawn = [shape(room.part) for room in rooms.values()]
    drawn += [line(points) for points in arrows(rooms).values()]
    rows = max(room.floor for room in rooms.values())
    return frame("rooms", words, steps(rooms), rows, "".join(drawn))


def steps(rooms):
    """Returns a description of the allowed imports."""
    bottom = max(room.floor for room in rooms.values())
    ground = [name for name, room in rooms.items() if room.floor == bottom]
    told = [
        f"{name} imports {', '.join(room.imports) or 'nothing'}"
        for name, room in rooms.items()
        if name not in ground
    ]
    return "; ".join([*told, f"all import {', '.join(ground)}"])


def arrows(rooms):
    """Returns the ends of all arrows, by pairs of rooms."""
    return {
        (room.name, name): _arrow(room, rooms[name], rooms.values())
        for room in rooms.values()
        for name in room.imports
    }


def _arrow(upper, lower, rooms):
    """Returns both ends of a vertical arrow that crosses no other room."""
    free = [(max(upper.left, lower.left), min(upper.right, lower.right))]
    for room in rooms:
        if upper.floor < room.floor < lower.floor:
            free = [
                part
                for left, right in free
                for part in (
                    (left, min(right, room.left)),
                    (max(left, room.right), right),
                )
            ]
    left, right = max(free, key=lambda part: part[1] - part[0])
    if right - left < APART:
        raise ValueError(
            "An arrow needs columns that both rooms cover and no room in "
            f"between does. Received: {upper.name!r} and {lower.name!r}"
        )
    x = (left + right) / 2
    _, start, _, high = box(upper.part)
    _, end, _, _ = box(lower.part)
    return [(x, start + high), (x, end - high)]
