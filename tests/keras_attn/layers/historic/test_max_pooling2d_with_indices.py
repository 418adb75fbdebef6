import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.layers import MaxPooling2DWithIndices
from tests.cases.switches import pool
from tests.contracts.devices import (
    FORMATS,
    format_error,
    from_format,
    to_format,
)
from tests.goldens import load_golden
from tests.marks import once_but_first

WINDOWS = once_but_first([(3, 2, 1), (2, None, 0), (3, 1, 0), (2, 3, 1)])


def numbers(*shape, ties=False):
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 2, shape) if ties else rng.normal(size=shape) - 3
    return x.astype("float32")


def apply(layer, x):
    return [
        from_format(ops.convert_to_numpy(y), layer.data_format)
        for y in layer(to_format(x, layer.data_format))
    ]


@pytest.mark.parametrize("data_format", FORMATS)
def test_matches_pytorch(data_format):
    golden = load_golden("switch_pool")
    layer = MaxPooling2DWithIndices(3, 2, 1, data_format=data_format)
    y, indices = apply(layer, golden["x"])
    np.testing.assert_array_equal(y, golden["y"])
    np.testing.assert_array_equal(indices, golden["y_indices"])
    assert indices.dtype == "int32"


@pytest.mark.parametrize("data_format", once_but_first(FORMATS))
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("ties", once_but_first([True, False]))
def test_takes_the_first_maximum_of_each_window(window, ties, data_format):
    """Values are below 0, so that padding by zeros would be the maximum."""
    x = numbers(2, 7, 6, 3, ties=ties)
    layer = MaxPooling2DWithIndices(*window, data_format=data_format)
    y, indices = apply(layer, x)
    expected, places = pool(x, *window)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, places)
    shape = to_format(x, data_format).shape
    symbolic = layer(keras.Input(batch_shape=shape))
    for one, other in zip(symbolic, (y, indices), strict=True):
        assert tuple(one.shape) == to_format(other, data_format).shape
    assert [each.dtype for each in symbolic] == ["float32", "int32"]


@pytest.mark.once
def test_sides_may_differ():
    x = numbers(1, 8, 9, 2)
    layer = MaxPooling2DWithIndices(
        (2, 3), (1, 2), (1, 0), data_format="channels_last"
    )
    y, indices = apply(layer, x)
    plain = keras.layers.MaxPooling2D((2, 3), (1, 2))
    padded = np.pad(
        x, ((0, 0), (1, 1), (0, 0), (0, 0)), constant_values=-np.inf
    )
    np.testing.assert_array_equal(y, ops.convert_to_numpy(plain(padded)))
    flat = x.reshape(1, 72, 2)
    for c in range(2):
        found = flat[0, indices[0, ..., c], c]
        np.testing.assert_array_equal(found, y[0, ..., c])


@pytest.mark.parametrize("data_format", FORMATS)
def test_gradient_goes_to_the_maxima(data_format):
    x = numbers(2, 7, 6, 3)
    pull = numbers(2, 4, 3, 3)
    layer = MaxPooling2DWithIndices(3, 2, 1, data_format=data_format)

    def function(x):
        tensor = ops.convert_to_tensor(to_format(pull, data_format))
        return ops.sum(layer(x)[0] * tensor)

    _, gradient = backend.value_and_gradient(
        function, to_format(x, data_format)
    )
    gradient = from_format(ops.convert_to_numpy(gradient), data_format)
    _, indices = pool(x, 3, 2, 1)
    expected = np.zeros((2, 42, 3))
    for b, i, j, c in np.ndindex(*pull.shape):
        expected[b, indices[b, i, j, c], c] += pull[b, i, j, c]
    np.testing.assert_allclose(
        gradient, expected.reshape(x.shape), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("data_format", FORMATS)
def test_sizes_only_known_at_run_time(data_format):
    if reason := format_error(data_format):
        pytest.skip(reason)
    first = data_format == "channels_first"
    image = keras.Input((3, None, None) if first else (None, None, 3))
    layer = MaxPooling2DWithIndices(3, 2, 1, data_format=data_format)
    model = keras.Model(image, layer(image))
    for size in ((7, 6), (4, 9)):
        x = numbers(2, *size, 3)
        found = model.predict(to_format(x, data_format), verbose=0)
        for one, other in zip(found, pool(x, 3, 2, 1), strict=True):
            np.testing.assert_array_equal(from_format(one, data_format), other)


@pytest.mark.once
def test_of_minus_infinity():
    x = np.full((1, 2, 2, 1), -np.inf, "float32")
    layer = MaxPooling2DWithIndices(2, 2, 1, data_format="channels_last")
    y, indices = layer(x)
    assert np.all(np.isneginf(ops.convert_to_numpy(y)))
    # Which one counts depends on the device, but it is never in the padding.
    assert set(ops.convert_to_numpy(indices).ravel()) <= set(range(4))


@pytest.mark.parametrize(
    "dtype", once_but_first(["mixed_float16", "mixed_bfloat16"])
)
def test_half_precision_keeps_the_indices(dtype):
    x = numbers(2, 7, 6, 3, ties=True)
    layer = MaxPooling2DWithIndices(
        3, 2, 1, dtype=dtype, data_format="channels_last"
    )
    y, indices = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == dtype[6:]
    assert keras.backend.standardize_dtype(indices.dtype) == "int32"
    _, expected = pool(x, 3, 2, 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(indices), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "`pool_size` must be a positive integer or a pair"),
        (((2, 2, 2),), "`pool_size` must be a positive integer or a pair"),
        ((2, 0), "`strides` must be a positive integer or a pair"),
        ((2, 2, -1), "`padding` must be an integer of at least 0"),
        ((2, 2, "same"), "`padding` must be an integer of at least 0"),
        ((3, 2, 2), "at most half of `pool_size`"),
    ],
)
def test_rejects_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaxPooling2DWithIndices(*arguments)


def test_rejects_images_smaller_than_a_window():
    with pytest.raises(ValueError, match="at least as large as a window"):
        MaxPooling2DWithIndices(4)(np.zeros((1, 3, 3, 3)))
