"""The blocks that ours are measured against compute the same."""

import pytest

from benchmarks import layers
from benchmarks.twins import twins


@pytest.mark.parametrize("name", sorted(twins()))
def test_a_twin_returns_the_output_of_ours(name):
    pytest.importorskip("torch")
    *_, y = layers.pair(name, channels=32, size=14)
    assert y.std() > 0
