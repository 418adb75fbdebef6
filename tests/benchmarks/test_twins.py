"""What blocks are measured against computes the same."""

import pytest

from benchmarks import layers
from benchmarks.twins import twins


@pytest.mark.parametrize("name", sorted(twins()))
def test_a_twin_gives_what_ours_gives(name):
    pytest.importorskip("torch")
    *_, y = layers.pair(name, channels=32, size=14)
    assert y.std() > 0
