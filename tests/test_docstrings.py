"""Tests the sections, their order and the examples of public docstrings."""

import doctest
import inspect
import re

import keras
import numpy as np
import pytest

import keras_attn

pytestmark = pytest.mark.once

# Sections in order, and whether each one is required.
LAYER = (
    ("Reference:", True),
    ("Args:", True),
    ("Call arguments:", False),
    ("Input shape:", True),
    ("Output shape:", True),
    ("Raises:", False),
    ("Example:", True),
)
FUNCTION = (
    ("Reference:", False),
    ("Args:", True),
    ("Returns:", True),
    ("Raises:", False),
    ("Example:", True),
)
# A method without arguments beyond those of its base has no `Args:`.
EXPLAINER = (
    ("Reference:", False),
    ("Args:", False),
    ("Call arguments:", False),
    ("Returns:", False),
    ("Raises:", False),
    ("Example:", True),
)
MODEL = (("Reference:", True), *FUNCTION[1:])
HEADINGS = [name for name, _ in LAYER] + ["Returns:"]


def public(module, kind):
    """Returns the public members of a module that this package defines."""
    return [
        member
        for name, member in inspect.getmembers(module, kind)
        if not name.startswith("_")
        and (member.__module__ or "").startswith("keras_attn.")
    ]


def modules_of(package):
    """Returns the public modules of a package."""
    return [
        module
        for name, module in inspect.getmembers(package, inspect.ismodule)
        if module.__name__ == f"{package.__name__}.{name}"
        and not name.startswith("_")
    ]


def documented():
    """Yields every public object and its sections."""
    for cls in public(keras_attn.layers, inspect.isclass):
        yield cls, LAYER
    for function in public(keras_attn.layers, inspect.isfunction):
        yield function, FUNCTION
    for function in public(keras_attn.applications, inspect.isfunction):
        names = "keras_attn.applications.pretrained."
        by_name = function.__module__.startswith(names)
        yield function, FUNCTION if by_name else MODEL
    for module in modules_of(keras_attn.applications):
        for name in ("preprocess_input", "decode_predictions"):
            if hasattr(module, name):
                yield getattr(module, name), FUNCTION
    for cls in public(keras_attn.explain, inspect.isclass):
        yield cls, EXPLAINER
    for function in public(keras_attn.explain, inspect.isfunction):
        yield function, FUNCTION
    for function in public(keras_attn.weights, inspect.isfunction):
        yield function, FUNCTION
    yield keras_attn.export, FUNCTION


# Building these takes seconds, unlike smaller networks of their family.
LARGE = {"ViTBase16", "ViTBase32", "ViTLarge16", "ResNet101", "ResNet152"}
DOCUMENTED = [
    pytest.param(
        subject,
        sections,
        id=f"{subject.__module__.removeprefix('keras_attn.')}"
        f".{subject.__name__}",
        marks=[pytest.mark.thorough] if subject.__name__ in LARGE else [],
    )
    for subject, sections in documented()
]


def faults(subject, sections):
    """Returns the faults of a docstring."""
    text = inspect.getdoc(subject) or ""
    first, _, rest = text.partition("\n")
    found = []
    if not first.endswith("."):
        found.append("the first line is not a sentence")
    if len(text.splitlines()) > 1 and not rest.startswith("\n"):
        found.append("the second line is not empty")
    lines = text.splitlines()
    present = [
        heading
        for line in lines
        for heading in HEADINGS
        if line.startswith(heading)
    ]
    takes = inspect.signature(subject).parameters
    expected = [
        name
        for name, needed in sections
        if (needed and (takes or name != "Args:")) or name in present
    ]
    if present != expected:
        found.append(f"sections {present}, expected {expected}")
    if "\n    raise " in _source(subject) and "Raises:" not in present:
        found.append("raises, but has no `Raises:`")
    if "Args:" in present:
        documented = arguments_in(text)
        signature = [
            {"VAR_KEYWORD": "**", "VAR_POSITIONAL": "*"}.get(p.kind.name, "")
            + name
            for name, p in takes.items()
        ]
        if documented != signature:
            found.append(f"arguments {documented}, expected {signature}")
    if ">>> " not in text.partition("Example:")[2]:
        found.append("no example")
    return found


def _source(subject):
    """Returns the source with every `raise` at one indent."""
    source = inspect.getsource(subject)
    return re.sub(r"\n +raise ", "\n    raise ", source)


def arguments_in(text):
    """Returns the names under `Args:`."""
    lines = text.partition("Args:")[2].splitlines()[1:]
    names = []
    for line in lines:
        if line and not line.startswith(" "):
            break
        match = re.match(r"    (\*{0,2}\w+): ", line)
        if match:
            names.append(match[1])
    return names


@pytest.mark.parametrize(("subject", "sections"), DOCUMENTED)
class TestDocstrings:
    def test_has_its_sections_in_order(self, subject, sections):
        assert faults(subject, sections) == []

    def test_has_an_example_that_runs(self, subject, sections):
        names = {"keras": keras, "keras_attn": keras_attn, "np": np}
        finder = doctest.DocTestFinder(recurse=False)
        for example in finder.find(subject, subject.__name__, globs=names):
            output = []
            result = doctest.DocTestRunner().run(example, out=output.append)
            assert result.attempted > 0
            assert result.failed == 0, "".join(output)


def well(ratio, **kwargs):
    """Divides.

    Args:
        ratio: A number.
        **kwargs: More,
            of them: many.

    Returns:
        A number.

    Example:

    >>> 1
    1
    """


def test_a_good_docstring_has_no_faults():
    assert faults(well, FUNCTION) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Divides.", "Divides", "not a sentence"),
        ("Divides.\n", "Divides.", "not empty"),
        ("Returns:\n        A number.\n", "", "sections"),
        ("Args:", "Arguments:", "sections"),
        ("Example:", "Input shape: any\n\n    Example:", "sections"),
        (">>> 1\n    1", "Like that.", "no example"),
        ("ratio: A", "rate: A", "arguments"),
        ("        ratio: A number.\n", "", "arguments"),
        ("Divides.", "", "not a sentence"),
    ],
)
def test_a_fault_is_found(old, new, fault, monkeypatch):
    assert old in well.__doc__
    monkeypatch.setattr(well, "__doc__", well.__doc__.replace(old, new, 1))
    assert any(fault in found for found in faults(well, FUNCTION))


def test_an_undocumented_raise_is_found():
    def raising(ratio):
        """Divides.

        Args:
            ratio: A number.

        Returns:
            A number.

        Example:

        >>> 1
        1
        """
        if ratio == 0:
            raise ValueError

    assert faults(raising, FUNCTION) == ["raises, but has no `Raises:`"]
