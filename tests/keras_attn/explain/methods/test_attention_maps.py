import keras
import numpy as np
import pytest
from keras import ops

import keras_attn
from keras_attn import explain, layers
from tests.cases.explained import Telling, assert_same, snapshot


def images(channels=8):
    random = np.random.default_rng(0)
    return random.normal(size=(3, 8, 8, channels)).astype("float32")


def model():
    """Returns a model with attention layers at several depths."""
    inner = keras.Sequential(
        [keras.Input((8, 8, 8)), layers.CBAM(name="cbam")], name="inner"
    )
    inputs = keras.Input((8, 8, 8))
    x = layers.SE(ratio=2, name="se")(inputs)
    return keras.Model(inputs, layers.ECA(name="eca")(inner(x)))


def test_are_what_the_layers_return_for_what_they_get():
    network = model()
    found = explain.attention_maps(network, images())
    assert list(found) == ["se", "inner/cbam", "eca"]
    se, inner, eca = network.layers[1:]
    x = ops.convert_to_tensor(images())
    for path, layer in (
        ("se", se),
        ("inner/cbam", inner.layers[0]),
        ("eca", eca),
    ):
        expected = layer.attention(x)
        keras.tree.map_structure(
            lambda a, b: np.testing.assert_allclose(
                a, ops.convert_to_numpy(b), atol=1e-6
            ),
            found[path],
            expected,
        )
        x = layer(x)


def test_do_not_depend_on_the_batch_size():
    network = model()
    whole = explain.attention_maps(network, images())
    parts = explain.attention_maps(network, images(), batch_size=2)
    keras.tree.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole, parts
    )


def test_of_a_shared_layer_are_numbered():
    network = keras_attn.applications.ResNetCIFAR(
        depth=14, attention="dia", classes=3, input_shape=(16, 16, 3)
    )
    given = np.random.default_rng(0).normal(size=(2, 16, 16, 3))
    found = explain.attention_maps(network, given.astype("float32"))
    stages = {path.split("#")[0] for path in found}
    assert len(stages) == 3 and len(found) == 6
    for stage in stages:
        # The cell continues from its state.
        assert not np.allclose(found[stage], found[f"{stage}#1"])


def test_run_the_model_once():
    inputs = keras.Input((8, 8, 8))
    x = layers.SE(ratio=2)(Telling()(inputs))
    network = keras.Model(inputs, layers.ECA()(x))
    Telling.told.clear()
    explain.attention_maps(network, images())
    assert len(Telling.told) == 1


def test_do_not_change_the_model():
    network = model()
    before = snapshot(network)
    explain.attention_maps(network, images())
    assert_same(before, snapshot(network))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_are_float32(policy):
    keras.config.set_dtype_policy(policy)
    found = explain.attention_maps(model(), images())
    kinds = {x.dtype.name for x in keras.tree.flatten(found)}
    assert kinds == {"float32"}


def test_of_a_model_without_any_are_refused():
    inputs = keras.Input((8, 8, 8))
    plain = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs))
    with pytest.raises(ValueError, match="must have an attention layer"):
        explain.attention_maps(plain, images())
