"""Two small arrays, and assertions about files that are rejected."""

import traceback

import numpy as np

from keras_attn.weights import load_torch
from tests.keras_attn.weights import crafted
from tests.keras_attn.weights.crafted import import_torch

WEIGHT = np.arange(6, dtype="float32").reshape(2, 3)
BIAS = np.array([0.5, -0.5], "float32")
ARRAYS = {"weight": WEIGHT, "bias": BIAS}
BROKEN = "be complete and contain only arrays"
LONG = "n" * 60_000 + "\x1b[31m"


def tensors():
    torch = import_torch()
    return {name: torch.from_numpy(array) for name, array in ARRAYS.items()}


def refuse(layer, path, words):
    """Asserts that a file is rejected, with a safe message."""
    error = crafted.refuse(load_torch, layer, path, words)
    assert "Received" in str(error)
    assert len(str(error)) < 1500 + len(str(path))
    # No advice of a reader is shown.
    shown = "".join(traceback.format_exception(error))
    for advice in ("to `False`", "allow_pickle", "add_safe_globals"):
        assert advice not in shown


def damaged(path):
    """Writes a PyTorch file with a wrong checksum."""
    import_torch().save(tensors(), path)
    data = path.read_bytes()
    assert data.count(WEIGHT.tobytes()) == 1
    path.write_bytes(data.replace(WEIGHT.tobytes(), (WEIGHT + 1).tobytes()))
