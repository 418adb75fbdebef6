"""What the tests of weights start from."""

import pytest

from keras_attn.weights import names
from tests.keras_attn.weights.fitting import dense


@pytest.fixture
def layer():
    return dense(bias_initializer="ones")


@pytest.fixture
def no_other_models(monkeypatch):
    """Takes the names of all models away, for a test to register its own."""
    monkeypatch.setattr(names, "_functions", [])
