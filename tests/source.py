"""The Python of this repository, and what it imports and may import."""

import ast
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


def _rooms():
    """Returns what each room may import of the others, and what all may.

    As it is drawn: docs/_ext/diagrams/rooms.py says how to read it.
    """
    page = (ROOT / "docs" / "architecture.md").read_text()
    (drawn,) = re.findall(r"(?ms)^```\{rooms\} [^\n]+\n(.*?)^```$", page)
    floors = drawn.strip().split("\n\n")
    *rooms, ground = ([*map(str.split, f.splitlines())] for f in floors)
    return (
        {room: {*below} for floor in rooms for room, _, *below in floor},
        {module for module, _ in ground},
    )


MAY_IMPORT, GROUND = _rooms()


def imports(source):
    """Yields what is imported, and whether that is inside of a function."""
    tree = ast.parse(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            names = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) in inside
