"""Checks the pages of the site without building them."""

import ast
import importlib
import inspect
import pathlib
import re

import pytest

import keras_attn

DOCS = pathlib.Path(__file__).parents[2] / "docs"
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if "generated" not in path.parts
)
ROOMS = ("layers", "applications", "explain", "weights")
every_page = pytest.mark.parametrize(
    "path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix()
)


def listed(room):
    """Returns the names that a page of the API reference lists."""
    if room == "layers":
        catalogue = pytest.importorskip("catalogue", reason="Sphinx is missing")
        text = catalogue.reference()
    else:
        text = (DOCS / "api" / f"{room}.md").read_text()
    return re.findall(r"(?m)^   (?!:)([\w.]+)$", text)


def public(room):
    """Returns the public names of a room."""
    module = importlib.import_module(f"keras_attn.{room}")
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }


def examples(text):
    """Yields the Python code of a page, without cell options and commands."""
    kinds = r"python|\{code-cell\}[^\n]*"
    for match in re.finditer(rf"(?ms)^```(?:{kinds})\n(.*?)^```$", text):
        yield re.sub(r"(?m)^[:%!](.*\\\n)*.*$", "", match[1])


@pytest.mark.parametrize("room", ROOMS)
def test_the_reference_lists_what_is_public(room):
    names = listed(room)
    assert len(set(names)) == len(names)
    assert {name for name in names if "." not in name} == public(room)
    module = importlib.import_module(f"keras_attn.{room}")
    for name in names:
        assert callable(eval_path(module, name)), name


def eval_path(value, path):
    """Returns the object that a dotted name refers to."""
    for part in path.split("."):
        value = getattr(value, part)
    return value


@every_page
def test_examples_name_what_there_is(path):
    for code in examples(path.read_text()):
        for node in ast.walk(ast.parse(code)):
            if not isinstance(node, ast.Attribute):
                continue
            name = ast.unparse(node)
            if re.fullmatch(r"keras_attn(\.\w+)+", name):
                eval_path(keras_attn, name.partition(".")[2])


@every_page
def test_a_page_that_is_executed_says_so(path):
    text = path.read_text()
    assert text.startswith("---\nfile_format: mystnb") == (
        re.search(r"(?m)^```\{code-cell\}", text) is not None
    )


def test_a_name_that_is_not_there_is_found():
    (code,) = examples("```python\nkeras_attn.layers.Gone()\n```\n")
    with pytest.raises(AttributeError, match="Gone"):
        eval_path(
            keras_attn, ast.unparse(ast.parse(code).body[0].value.func)[11:]
        )
