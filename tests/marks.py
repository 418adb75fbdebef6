"""Marks of parameters."""

import pytest


def once(*values):
    """Returns a parameter, or several of one test, marked `once`."""
    return pytest.param(*values, marks=pytest.mark.once)


def thorough(*values):
    """Returns a parameter, or several of one test, marked `thorough`."""
    return pytest.param(*values, marks=pytest.mark.thorough)


def once_but_first(values, several=False):
    """Returns parameters, of which all but the first are marked `once`.

    Args:
        values: Of one parameter each.
        several: Whether each is a tuple of several parameters.
    """
    first, *others = values
    return [first, *(once(*x) if several else once(x) for x in others)]
