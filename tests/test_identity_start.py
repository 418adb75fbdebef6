"""Tests that blocks start as the identity if asked, and then learn."""

import inspect

import numpy as np
import pytest

from tests.cases.layers import LAYERS
from tests.contracts.calls import gradients
from tests.contracts.devices import to_numpy

# The first case of each class that has the argument.
FIRST = {case.cls: case for case in reversed(LAYERS)}
every_block = pytest.mark.parametrize(
    "case",
    [
        case
        for cls, case in sorted(FIRST.items(), key=lambda each: str(each[1]))
        if "identity_start" in inspect.signature(cls).parameters
    ],
    ids=str,
)


def made(case):
    kwargs = {**case.kwargs, "identity_start": True}
    return case.cls(**kwargs, data_format="channels_last")


@every_block
def test_is_the_identity_at_first_if_asked(case):
    x = case.inputs()
    np.testing.assert_array_equal(*to_numpy([made(case)(x), x]))


@pytest.mark.once
@every_block
def test_learns_from_the_identity(case):
    layer, x = made(case), case.inputs()
    layer.build(x.shape)
    found = gradients(layer, x, training=True)
    assert any(np.any(g) for name, g in found.items() if "weight" in name)
