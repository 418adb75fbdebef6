import json

import pytest
from safetensors.numpy import save

from keras_attn.applications import ViT
from keras_attn.applications.pretrained import entries
from keras_attn.weights import to_torch
from tests.keras_attn.applications.pretrained.tables import (
    ARGUMENTS,
    TIMM,
    TORCHVISION,
)


@pytest.fixture
def tables(monkeypatch):
    """Small tables instead of those of the package."""
    found = {"timm": TIMM, "torchvision": TORCHVISION}
    monkeypatch.setattr(entries, "read", found.__getitem__)
    entries.table.cache_clear()
    yield
    entries.table.cache_clear()


@pytest.fixture
def trained():
    """A small network with weights that differ from all initial ones."""
    model = ViT(input_shape=(16, 16, 3), classes=10, **ARGUMENTS)
    for i, weight in enumerate(model.weights):
        weight.assign(weight + 0.01 * (i + 1))
    return model


@pytest.fixture
def published(trained):
    """The files of a repository with this network."""
    return {
        "config.json": json.dumps(
            {"architecture": "vit_tiny", "num_classes": 10}
        ).encode(),
        "model.safetensors": save(to_torch(trained)),
    }


@pytest.fixture
def file(published, tmp_path):
    """The file of this network, beside its `config.json`."""
    for name, content in published.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path / "model.safetensors"
