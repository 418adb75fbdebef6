import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.layers import MaxUnpooling2D
from tests.cases.switches import SWITCHES, pool, unpool
from tests.contracts import MODEL_CHECKS, contract
from tests.contracts.devices import FORMATS, from_format, to_format
from tests.goldens import load_golden
from tests.marks import once_but_first


@contract(SWITCHES, MODEL_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def apply(layer, values, indices):
    inputs = [to_format(x, layer.data_format) for x in (values, indices)]
    return from_format(ops.convert_to_numpy(layer(inputs)), layer.data_format)


@pytest.mark.parametrize("data_format", once_but_first(FORMATS))
def test_matches_the_golden(data_format):
    golden = load_golden("switch_pool")
    layer = MaxUnpooling2D((11, 13), data_format=data_format)
    y = apply(layer, golden["y"], golden["y_indices"].astype("int32"))
    np.testing.assert_allclose(y, golden["y_unpool"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("data_format", once_but_first(FORMATS))
@pytest.mark.parametrize("collisions", ["add", "overwrite"])
def test_adds_or_overwrites_colliding_values(collisions, data_format):
    rng = np.random.default_rng(0)
    _, indices = pool(rng.normal(size=(2, 7, 6, 3)), 3, 2, 1)
    # Random values, since colliding maxima would be equal.
    values = rng.normal(size=indices.shape).astype("float32")
    assert len(np.unique(indices[0, ..., 0])) < indices[0, ..., 0].size
    layer = MaxUnpooling2D((7, 6), collisions, data_format=data_format)
    y = apply(layer, values, indices.astype("int32"))
    expected = unpool(values, indices, (7, 6), collisions)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("collisions", ["add", "overwrite"])
def test_of_an_empty_batch(collisions):
    layer = MaxUnpooling2D((7, 6), collisions, data_format="channels_last")
    y = layer([np.zeros((0, 3, 3, 2)), np.zeros((0, 3, 3, 2), "int32")])
    assert tuple(y.shape) == (0, 7, 6, 2)


def test_is_the_gradient_of_max_pooling():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, 6, 3)).astype("float32")
    _, indices = pool(x, 3, 2, 0)
    values = rng.normal(size=indices.shape).astype("float32")
    pooling = keras.layers.MaxPooling2D(3, 2, data_format="channels_last")
    _, expected = backend.value_and_gradient(
        lambda x: ops.sum(pooling(x) * ops.convert_to_tensor(values)), x
    )
    layer = MaxUnpooling2D((7, 6), data_format="channels_last")
    y = apply(layer, values, indices.astype("int32"))
    np.testing.assert_allclose(y, ops.convert_to_numpy(expected), atol=1e-6)


@pytest.mark.parametrize("collisions", ["add", "overwrite"])
def test_gradient_comes_from_the_positions_of_the_values(collisions):
    indices = np.array([0, 3, 3, 1], "int32").reshape(1, 2, 2, 1)
    values = np.arange(1.0, 5.0, dtype="float32").reshape(1, 2, 2, 1)
    layer = MaxUnpooling2D(2, collisions, data_format="channels_last")
    pull = np.array([10.0, 20.0, 30.0, 40.0], "float32").reshape(1, 2, 2, 1)
    _, gradient = backend.value_and_gradient(
        lambda x: ops.sum(layer([x, indices]) * ops.convert_to_tensor(pull)),
        values,
    )
    # The third value overwrites the second one, or is added to it.
    second = 40.0 if collisions == "add" else 0.0
    np.testing.assert_allclose(
        ops.convert_to_numpy(gradient).ravel(), [10.0, second, 40.0, 20.0]
    )


def test_drops_values_with_invalid_indices():
    indices = np.array([-1, 4, 2, 100], "int32").reshape(1, 2, 2, 1)
    values = np.ones((2, 2, 2, 1), "float32")
    layer = MaxUnpooling2D(2, data_format="channels_last")
    y = apply(layer, values, np.concatenate([indices, indices]))
    expected = np.array([0, 0, 1, 0]).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(y, np.concatenate([expected, expected]))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"output_size": 0},
            "`output_size` must be a positive integer or a pair",
        ),
        ({"collisions": "max"}, "`collisions` must be one of"),
    ],
)
def test_rejects_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        MaxUnpooling2D(**kwargs)


@pytest.mark.parametrize("size", [None, 4])
def test_rejects_no_size_or_two_sizes(size):
    like = None if size is None else np.zeros((1, 4, 4, 1))
    pair = [np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 2, 1), "int32")]
    with pytest.raises(ValueError, match="`like` must be given if, and only"):
        MaxUnpooling2D(size)(pair, like=like)


def test_rejects_values_and_indices_of_different_shapes():
    pair = [np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 3, 1), "int32")]
    with pytest.raises(ValueError, match="values and indices of one shape"):
        MaxUnpooling2D(4, data_format="channels_last")(pair)
