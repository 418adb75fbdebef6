"""Marks of parameters."""

import pytest


def once(*values):
    """Returns one set of test parameters, marked `once`."""
    return pytest.param(*values, marks=pytest.mark.once)


def thorough(*values):
    """Returns one set of test parameters, marked `thorough`."""
    return pytest.param(*values, marks=pytest.mark.thorough)


def once_but_first(values, several=False):
    """Returns parameters, all but the first marked `once`.

    Args:
        values: The parameters.
        several: Whether each value is a tuple of several parameters.
    """
    first, *others = values
    return [first, *(once(*x) if several else once(x) for x in others)]
