import keras
import numpy as np
import pytest

from keras_attn.layers.parts.dense import Dense
from tests.contracts import (
    LAYER_CHECKS,
    LayerCase,
    check_config_round_trip,
    contract,
)
from tests.contracts.devices import FORMATS

CASE = LayerCase(
    cls=Dense,
    kwargs={"units": 3, "activation": "tanh"},
    shape=(5, 8),
    num_weights=2,
    reference=lambda weights, x: np.tanh(
        x @ weights["kernel"] + weights["bias"]
    ),
    formats=FORMATS[:1],
    masks=True,
)


# Keras' config omits an activity regulariser that is `None`.
CHECKS = [c for c in LAYER_CHECKS if c is not check_config_round_trip]


@contract([CASE], CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def pair(**kwargs):
    """Returns our layer and Keras' layer with equal weights, and tokens."""
    random = np.random.default_rng(0)
    layers = [kind(4, **kwargs) for kind in (Dense, keras.layers.Dense)]
    for layer in layers:
        layer.build((None, None, 8))
    layers[1].set_weights(layers[0].get_weights())
    return *layers, random.normal(size=(2, 5, 8)).astype("float32")


def test_lora_matches_keras():
    ours, theirs, x = pair()
    for layer in (ours, theirs):
        layer.enable_lora(2)
        for weight in (layer.lora_kernel_a, layer.lora_kernel_b):
            values = np.random.default_rng(1).normal(size=weight.shape)
            weight.assign(values)
    found, expected = (
        keras.ops.convert_to_numpy(layer(x)) for layer in (ours, theirs)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("use_bias", [True, False])
def test_int8_matches_keras(use_bias):
    ours, theirs, x = pair(use_bias=use_bias)
    before = keras.ops.convert_to_numpy(ours(x))
    for layer in (ours, theirs):
        layer.quantize("int8")
    found, expected = (
        keras.ops.convert_to_numpy(layer(x)) for layer in (ours, theirs)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not np.array_equal(found, before)
