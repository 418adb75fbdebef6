"""The Python files of this repository, their imports and allowed imports."""

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


# The diagram of the rooms (see docs/_ext/diagrams/rooms.py): a caption, then
# one line per room with its position and the rooms it may import. All rooms may
# import the modules on the last floor.
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
    """Yields imported names and whether the import is inside a function."""
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
            # Expressions contain no imports.
            if not isinstance(child, ast.expr)
        ]
