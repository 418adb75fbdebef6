"""Marks of parameters."""

import pytest


def once_but_first(values):
    """Returns parameters, of which all but the first are marked `once`."""
    first, *others = values
    return [first, *(pytest.param(x, marks=pytest.mark.once) for x in others)]
