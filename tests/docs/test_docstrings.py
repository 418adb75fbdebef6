import inspect

import pytest

import keras_attn

pytest.importorskip("sphinx")
docstrings = pytest.importorskip("docstrings")

TEXT = """Gates `x`.

`y = x *
s`, as `keras.layers.Dense` and [a paper](https://a.org/b) have it.

Reference: Somebody, "A
title", 2020.

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


def test_rewrites_code_links_and_sections():
    text = docstrings.rewritten(TEXT)
    assert "Gates ``x``." in text
    assert "``y = x * s``" in text
    assert ":py:obj:`keras.layers.Dense`" in text
    assert "`a paper <https://a.org/b>`__" in text
    assert '**Reference.** Somebody, "A title", 2020.\n' in text
    assert "**Input shape.** ``(batch, n)``, or more.\n" in text
    assert "\n**Output shape.** Same.\n" in text
    assert "Args:\n    ratio: A number.\n" in text
    assert ".. rubric:: Example\n\n>>> 1\n1\n" in text
    assert ".. code-block:: python\n\n   y = 2\n" in text


def test_a_layer_shows_the_arguments_that_it_takes():
    signature, _ = docstrings._sign(
        None, "class", "", keras_attn.layers.SE, {}, "(*args, **kwargs)", None
    )
    names = list(inspect.signature(keras_attn.layers.SE).parameters)
    assert signature.startswith(f"({names[0]}=")
