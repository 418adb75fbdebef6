"""The Python of this repository, and what it imports and may import."""

import ast
import functools
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_attn"


def relative(path):
    return path.relative_to(ROOT).as_posix()


def files_of(*folders):
    return sorted(p for f in folders for p in (ROOT / f).rglob("*.py"))


CODE = files_of("keras_attn")
ALL_CODE = files_of("keras_attn", "applications", "benchmarks", "tests", "docs")


# The picture of the rooms, as docs/_ext/diagrams/rooms.py says: what it shows,
# and on each line a room, where it is drawn and what it may import. What is on
# the last floor, all may import.
((WORDS, ROOMS),) = re.findall(
    r"(?ms)^```\{rooms\} ([^\n]+)\n(.*?)^```$",
    (ROOT / "docs" / "architecture.md").read_text(),
)
_floors = [
    [line.split() for line in floor.split("\n")]
    for floor in ROOMS.strip().split("\n\n")
]
*_rooms, _ground = _floors
MAY_IMPORT = {room: {*below} for floor in _rooms for room, _, *below in floor}
GROUND = {module for module, _ in _ground}


@functools.lru_cache(maxsize=8)
def parsed(source):
    return ast.parse(source)


def imports(source):
    """Yields what is imported, and whether that is inside of a function."""
    waiting = [(parsed(source), False)]
    while waiting:
        node, inside = waiting.pop()
        start = ""
        if isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "") + "."
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield start + alias.name, inside
        inside = inside or isinstance(node, ast.FunctionDef)
        waiting += [
            (child, inside)
            for child in ast.iter_child_nodes(node)
            # There is no import in an expression.
            if not isinstance(child, ast.expr)
        ]
