import inspect

import pytest

import keras_attn

pytest.importorskip("sphinx")
docstrings = pytest.importorskip("docstrings")

TEXT = """Gates `x`.

`y = x *
s`, as `keras.layers.Dense` and [a paper](https://a.org/b) have it, with `s` of
the `ratio` and `q` of them.

`z = W1 x`.

Computes `z = W1 x`,
`s = sigmoid(z)` and `y = x *
s`, where `x` is the input. Both `n = 1`, `ratio` and `z = n` are inline.

- In a list, `x = y` and `y = z`.

```python
layer = `x`
```

Reference: Author, "A
title" (`y = x`), 2020, with an
exception: one.

Args:
    ratio: A number.

Input shape: `(batch, n)`, or
    more.
Output shape: Same.

Example:

>>> 1
1

```python
y = 2
```
"""


@pytest.fixture(scope="module")
def text():
    return docstrings.rewritten(TEXT)


def test_rewrites_code_links_and_sections(text):
    assert ":py:obj:`keras.layers.Dense`" in text
    assert "`a paper <https://a.org/b>`__" in text
    assert "**Input shape.** ``(batch, n)``, or more.\n" in text
    assert "\n**Output shape.** Same.\n" in text
    assert "Args:\n    ratio: A number.\n" in text
    assert ".. rubric:: Example\n\n>>> 1\n1\n" in text
    assert ".. code-block:: python\n\n   y = 2\n" in text
    assert ".. code-block:: python\n\n   layer = `x`\n" in text


def test_equations_are_mathematics(text):
    assert r":math:`y = x \cdot s`, as" in text
    assert "\n\n.. math::\n\n   z = W_{1} x\n" in text
    assert (
        "Computes \n\n.. math::\n\n   \\begin{split}\n"
        "   z &= W_{1} x \\\\\n"
        "   s &= \\operatorname{sigmoid} (z) \\\\\n"
        "   y &= x \\cdot s\n"
        "   \\end{split}\n\nwhere :math:`x` is the input. Both :math:`n = 1`,"
    ) in text
    assert "- In a list, :math:`x = y` and :math:`y = z`." in text


def test_only_symbols_of_an_equation_are_mathematics(text):
    assert "Gates :math:`x`." in text
    assert "with :math:`s` of\nthe ``ratio`` and ``q`` of them" in text


def test_the_reference_comes_last_and_keeps_its_code(text):
    parts = ("Args:", "Input shape", "Output shape", "Example", "Reference")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    end = "(``y = x``), 2020, with an exception: one.\n"
    assert text.endswith(end)


def test_a_docstring_without_sections_is_a_description():
    assert docstrings.rewritten("Returns `y`.") == "Returns ``y``."


@pytest.mark.parametrize("name", keras_attn.layers.names())
def test_the_formula_of_each_block_is_mathematics(name):
    layer = type(keras_attn.layers.get(name))
    text = docstrings.rewritten(inspect.getdoc(layer))
    assert "math::" in text or ":math:" in text


def test_a_layer_links_to_its_page():
    pytest.importorskip("catalogue")
    text = docstrings.with_link("First line.\n\nMore.", "SE")
    first, link, more = text.split("\n\n")
    assert (first, more) == ("First line.", "More.")
    assert link.startswith(":doc:`The page on SE </layers/se>`")
    assert docstrings.with_link("First line.", "GradCAM") == "First line."


def test_symbols_of_a_layer_are_mathematics_on_its_page():
    pytest.importorskip("catalogue")
    layer = keras_attn.layers.SE
    lines = inspect.getdoc(layer).split("\n")
    name = "keras_attn.layers.SE"
    docstrings._process(None, "class", name, layer, None, lines)
    text = "\n".join(lines)
    assert ":math:`W_{1}`" in text
    assert "\n\n:doc:`The page on SE </layers/se>` has" in text


def test_a_layer_shows_the_arguments_that_it_takes():
    signature, _ = docstrings._sign(
        None, "class", "", keras_attn.layers.SE, {}, "(*args, **kwargs)", None
    )
    names = list(inspect.signature(keras_attn.layers.SE).parameters)
    assert signature.startswith(f"({names[0]}=")
