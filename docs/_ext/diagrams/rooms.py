"""Draws the rooms of the package on floors, with what they may import.

Each line has a room, the columns that it is drawn over, of `COLUMNS`, and what
it may import; each paragraph is a floor, and the last one is for all:

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
# What an arrow needs to stand apart from what is beside it.
APART = 8
LINE = re.compile(r"(\w+) +(\d+)-(\d+)((?: +\w+)*)")


@dataclasses.dataclass(frozen=True)
class Room:
    """A box on a floor.

    Args:
        name: What is written in it.
        left: Number, where it begins.
        right: Number, where it ends.
        floor: Integer, counted from the top.
        imports: Names of the rooms that it may import.
    """

    name: str
    left: float
    right: float
    floor: int
    imports: tuple

    @property
    def part(self):
        """The box as other pictures have it."""
        wide = self.right - self.left
        return Part(
            "fixed", self.name, self.left + wide / 2, self.floor, wide=wide
        )


def read(text):
    """Returns the rooms that a text describes, by their names.

    Raises:
        ValueError: If it describes none, or if a room may import one that is
            not below it.
    """
    rooms = {}
    for floor, lines in enumerate(text.strip().split("\n\n")):
        for text in lines.split("\n"):
            if not (found := LINE.fullmatch(text.strip())):
                raise ValueError(
                    "A line must have a room, its columns and what it may "
                    f"import. Received: {text!r}"
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
                    "A room must import what is drawn below it. Received: "
                    f"{name!r} of {room.name!r}"
                )
    return rooms


def draw(rooms, words):
    """Returns the rooms as an `<svg>` element.

    Args:
        rooms: What `read` returned.
        words: String, what the picture shows.
    """
    drawn = [shape(room.part) for room in rooms.values()]
    drawn += [line(points) for points in arrows(rooms).values()]
    rows = max(room.floor for room in rooms.values())
    return frame("rooms", words, steps(rooms), rows, "".join(drawn))


def steps(rooms):
    """Returns what may be imported, in words."""
    bottom = max(room.floor for room in rooms.values())
    ground = [name for name, room in rooms.items() if room.floor == bottom]
    told = [
        f"{name} imports {', '.join(room.imports) or 'nothing'}"
        for name, room in rooms.items()
        if name not in ground
    ]
    return "; ".join([*told, f"all import {', '.join(ground)}"])


def arrows(rooms):
    """Returns the ends of all arrows, by the two rooms."""
    return {
        (room.name, name): _arrow(room, rooms[name], rooms.values())
        for room in rooms.values()
        for name in room.imports
    }


def _arrow(upper, lower, rooms):
    """Returns both ends, where nothing is between: an arrow is upright."""
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
            "An arrow needs a place where both rooms are and none between "
            f"them. Received: {upper.name!r} and {lower.name!r}"
        )
    x = (left + right) / 2
    _, start, _, high = box(upper.part)
    _, end, _, _ = box(lower.part)
    return [(x, start + high), (x, end - high)]
