"""Fixtures for the tests of weights."""

import pytest

from keras_attn.weights import names
from tests.keras_attn.weights.fitting import dense


@pytest.fixture
def layer():
    return dense(bias_initializer="ones")


@pytest.fixture
def no_other_models(monkeypatch):
    """Removes the names of all models, so that a test can register its own."""
    monkeypatch.setattr(names, "_functions", [])
