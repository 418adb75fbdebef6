import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.historic.ten_crop import TenCrop
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.batches import Batches
from tests.contracts.devices import FORMATS, from_format, to_format
from tests.contracts.running import check_compiled_fit, check_keeps_no_tensor
from tests.marks import once_but_first

# The start of the centre crop for each number of remaining pixels.
CENTRES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 2, 5: 2, 6: 3, 7: 4, 8: 4, 9: 4}


def ten_crops(x, height, width):
    """Crops channels-last images with explicit slices."""
    rows, columns = x.shape[1:3]
    b, r = rows - height, columns - width
    i, j = CENTRES[b], CENTRES[r]
    five = [
        x[:, :height, :width],
        x[:, :height, r:],
        x[:, b:, :width],
        x[:, b:, r:],
        x[:, i : i + height, j : j + width],
    ]
    ten = five + [crop[:, :, ::-1] for crop in five]
    return np.array([crop[n] for n in range(len(x)) for crop in ten])


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


# One pixel is smaller than the crops.
OPEN = keras.backend.backend() != "torch"
CASES = [
    LayerCase(
        cls=TenCrop,
        keeps_integers=True,
        kwargs={"height": 3, "width": 4},
        exports_open=OPEN,
        shape=(6, 5, 2),
        smallest=(3, 4),
        reference=lambda weights, x: ten_crops(x, 3, 4),
    ),
    LayerCase(
        cls=TenCrop,
        keeps_integers=True,
        kwargs={"height": 4, "width": 2},
        exports_open=OPEN,
        shape=(4, 7, 1),
        smallest=(4, 2),
        reference=lambda weights, x: ten_crops(x, 4, 2),
    ),
]


# These two checks fit one target per image, but there are ten crops per image.
# `test_trains` and `test_keeps_no_tensor` replace them.
@contract(
    CASES,
    [
        check
        for check in LAYER_CHECKS
        if check not in (check_compiled_fit, check_keeps_no_tensor)
    ],
)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def test_the_order_of_the_crops():
    x = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], "float32")
    x = np.stack([x, 10 * x])[..., None]
    y = TenCrop(2, 2, data_format="channels_last")(x)
    y = ops.convert_to_numpy(y)
    expected = [
        [[1, 2], [4, 5]],
        [[2, 3], [5, 6]],
        [[4, 5], [7, 8]],
        [[5, 6], [8, 9]],
        [[1, 2], [4, 5]],
        [[2, 1], [5, 4]],
        [[3, 2], [6, 5]],
        [[5, 4], [8, 7]],
        [[6, 5], [9, 8]],
        [[2, 1], [5, 4]],
    ]
    np.testing.assert_array_equal(y[:10, :, :, 0], expected)
    np.testing.assert_array_equal(y[10:, :, :, 0], 10 * np.array(expected))


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    "rest", once_but_first([(0, 1), (1, 3), (3, 0), (5, 7), (7, 5)])
)
def test_odd_remainders_are_halved_to_even(rest, data_format):
    x = random(2, 3 + rest[0], 2 + rest[1], 2)
    y = TenCrop(3, 2, data_format)(to_format(x, data_format))
    np.testing.assert_array_equal(
        from_format(ops.convert_to_numpy(y), data_format), ten_crops(x, 3, 2)
    )


def test_the_centre_starts_where_python_rounds():
    for rest, start in CENTRES.items():
        assert start == round(rest / 2.0)


@pytest.mark.parametrize("data_format", FORMATS)
def test_sizes_only_known_at_run_time(data_format):
    first = data_format == "channels_first"
    image = keras.Input((3, None, None) if first else (None, None, 3))
    model = keras.Model(image, TenCrop(4, 3, data_format)(image))
    shape = (3, 4, 3) if first else (4, 3, 3)
    assert model.output.shape == (None, *shape)
    # Several sizes, for which TensorFlow builds one graph with open sizes.
    sizes = [(5, 6), (7, 4), (9, 8), (4, 3)]
    images = [random(2, *size, 3) for size in sizes]
    batches = Batches([(to_format(x, data_format),) for x in images])
    y = from_format(model.predict(batches, verbose=0), data_format)
    expected = np.concatenate([ten_crops(x, 4, 3) for x in images])
    np.testing.assert_array_equal(y, expected)


def test_rejects_small_images_at_run_time():
    errors = ValueError
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        errors = (ValueError, tf.errors.InvalidArgumentError)
    image = keras.Input((None, 4, 1))
    layer = TenCrop(2, 2, data_format="channels_last")
    model = keras.Model(image, layer(image))
    with pytest.raises(errors):
        # The last ten crops have one row each, and could become five crops.
        batches = Batches([(random(2, side, 4, 1),) for side in (3, 4, 1)])
        model.predict(batches, verbose=0)


def test_integers_stay_integers():
    x = np.arange(2 * 16).reshape(2, 4, 4, 1).astype("uint8")
    layer = TenCrop(3, 3, data_format="channels_last")
    y = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == "uint8"
    np.testing.assert_array_equal(ops.convert_to_numpy(y), ten_crops(x, 3, 3))
    assert layer(keras.Input((4, 4, 1), dtype="uint8")).dtype == "uint8"


@pytest.mark.parametrize("dtype", ["float16", "mixed_bfloat16"])
def test_floats_have_the_dtype_of_the_policy(dtype):
    layer = TenCrop(1, 1, data_format="channels_last", dtype=dtype)
    y = layer(random(1, 2, 2, 1))
    assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype
    assert layer(keras.Input((2, 2, 1))).dtype == layer.compute_dtype


def network():
    """Returns a network that averages a linear layer over the crops."""
    image = keras.Input((5, 6, 2))
    x = TenCrop(3, 3, data_format="channels_last", name="crops")(image)
    x = keras.layers.Dense(1, name="dense")(ops.reshape(x, (-1, 18)))
    x = ops.mean(ops.reshape(x, (-1, 10, 1)), axis=1)
    return keras.Model(image, x)


def test_is_saved_and_loaded(tmp_path):
    model, x = network(), random(3, 5, 6, 2)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    layer = again.get_layer("crops")
    assert (layer.height, layer.width) == (3, 3)
    assert layer.data_format == "channels_last"
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )


def test_trains():
    model, x = network(), random(4, 5, 6, 2)
    target = np.arange(4.0, dtype="float32")[:, None]
    kernel, bias = model.get_weights()
    features = ten_crops(x, 3, 3).reshape(4, 10, 18).mean(axis=1)
    pull = 2 * (features @ kernel + bias - target) / 4
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile="auto")
    model.fit(x, target, batch_size=4, verbose=0)
    np.testing.assert_allclose(
        model.get_weights()[0],
        kernel - 0.1 * features.T @ pull,
        rtol=1e-4,
        atol=1e-5,
    )


def test_keeps_no_tensor():
    layer = TenCrop(2, 2, data_format="channels_last")
    layer(random(1, 3, 3, 1))
    before = set(vars(layer))
    layer(random(1, 4, 4, 1))
    layer(keras.Input((None, None, 1)))
    assert set(vars(layer)) == before
    assert not any(ops.is_tensor(value) for value in vars(layer).values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "`height` must be a positive integer. Received: height=0"),
        ((3, 2.5), "`width` must be a positive integer. Received: width=2.5"),
        ((3, True), "`width` must be a positive integer"),
        ((3, 3, "last"), "`data_format` must be one of 'channels_first', "),
    ],
)
def test_rejects_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        TenCrop(*arguments)


@pytest.mark.parametrize("data_format", FORMATS)
def test_rejects_images_smaller_than_a_crop(data_format):
    def shape(height, width):
        if data_format == "channels_first":
            return (1, height, width)
        return (height, width, 1)

    message = r"as large as a crop, 3 x 4 pixels. Received: .* \(3, 3\)"
    layer = TenCrop(3, 4, data_format)
    with pytest.raises(ValueError, match=message):
        layer(keras.Input(shape(3, 3)))
    with pytest.raises(ValueError, match=message):
        layer.compute_output_shape((None, *shape(3, 3)))
    layer(np.zeros((1, *shape(3, 4))))
    with pytest.raises(ValueError, match=message):
        layer(np.zeros((1, *shape(3, 3))))
    with pytest.raises(ValueError, match="as large as a crop"):
        layer(keras.Input(shape(2, None)))
