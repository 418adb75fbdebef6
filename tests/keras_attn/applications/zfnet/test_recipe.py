import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.applications.zfnet.recipe import (
    FilterRMSConstraint,
    predict_ten_crops,
)
from tests.contracts.devices import FORMATS, format_error, to_format


def rms_of(kernel):
    axes = tuple(range(kernel.ndim - 1))
    return np.sqrt(np.mean(kernel.astype("float64") ** 2, axis=axes))


def constrained(kernel, limit=0.1):
    return ops.convert_to_numpy(FilterRMSConstraint(limit)(kernel))


class TestFilterRMSConstraint:
    """What the constraint does to a kernel."""

    def test_numbers_by_hand(self):
        # Filters with a root mean square of 5, 0.5 and 1.
        kernel = np.array([[7.0, 0.5, -1.0], [1.0, -0.5, 1.0]], "float32")
        expected = [[1.4, 0.5, -1.0], [0.2, -0.5, 1.0]]
        np.testing.assert_allclose(
            constrained(kernel, 1), expected, rtol=1e-6, atol=0
        )

    def test_a_kernel_of_a_convolution(self):
        random = np.random.default_rng(0)
        kernel = random.normal(size=(3, 2, 4, 5)).astype("float32")
        kernel *= np.array([0.01, 0.09, 0.2, 1.0, 30.0], "float32")
        y = constrained(kernel)
        np.testing.assert_allclose(rms_of(y)[2:], 0.1, rtol=1e-6)
        np.testing.assert_array_equal(y[..., :2], kernel[..., :2])
        # Their direction stays.
        np.testing.assert_allclose(
            y[..., 2:],
            kernel[..., 2:] * (0.1 / rms_of(kernel)[2:]),
            rtol=1e-5,
        )

    def test_zeros_stay_zeros(self):
        kernel = np.zeros((2, 2, 3, 2), "float32")
        kernel[..., 1] = 3.0
        y = constrained(kernel)
        np.testing.assert_array_equal(y[..., 0], 0.0)
        np.testing.assert_allclose(y[..., 1], 0.1, rtol=1e-6)

    def test_very_small_filters_stay(self):
        kernel = np.full((4, 1), 1e-18, "float32")
        np.testing.assert_array_equal(constrained(kernel), kernel)

    @pytest.mark.parametrize("value", [300.0, 6e4])
    def test_squares_beyond_float16(self, value):
        kernel = np.full((2, 2), value, "float16")
        kernel[:, 1] = 1e-3
        y = FilterRMSConstraint(0.1)(ops.convert_to_tensor(kernel))
        assert keras.backend.standardize_dtype(y.dtype) == "float16"
        y = ops.convert_to_numpy(y)
        np.testing.assert_allclose(y[:, 0], 0.1, rtol=1e-3)
        np.testing.assert_array_equal(y[:, 1], kernel[:, 1])

    @pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
    def test_holds_after_each_step(self, dtype):
        model = keras.Sequential(
            [
                keras.Input((6, 6, 3)),
                keras.layers.Conv2D(
                    4,
                    3,
                    data_format="channels_last",
                    dtype=dtype,
                    kernel_constraint=FilterRMSConstraint(0.1),
                ),
                keras.layers.GlobalAveragePooling2D("channels_last"),
                keras.layers.Dense(
                    2, kernel_constraint=FilterRMSConstraint(0.05)
                ),
            ]
        )
        model.compile(keras.optimizers.SGD(5.0), "mse", jit_compile="auto")
        random = np.random.default_rng(0)
        x = random.uniform(-1, 1, (8, 6, 6, 3)).astype("float32")
        y = random.normal(size=(8, 2)).astype("float32")
        conv, dense = model.layers[0], model.layers[-1]
        for _ in range(3):
            model.fit(x, y, batch_size=8, verbose=0)
            kernels = [ops.convert_to_numpy(w.kernel) for w in (conv, dense)]
            assert rms_of(kernels[0]).max() <= 0.1 * (1 + 1e-6)
            assert rms_of(kernels[1]).max() <= 0.05 * (1 + 1e-6)
        # It had something to do.
        np.testing.assert_allclose(rms_of(kernels[1]).max(), 0.05, rtol=1e-5)

    def test_a_step_leaves_small_filters_bit_for_bit(self):
        kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
        kernel = kernel.astype("float32") * [0.05, 0.01, 2.0, 1.0]
        kernel = kernel.astype("float32")
        layer = keras.layers.Conv2D(
            4,
            3,
            data_format="channels_last",
            use_bias=False,
            kernel_constraint=FilterRMSConstraint(),
        )
        model = keras.Sequential([keras.Input((5, 5, 2)), layer])
        layer.kernel.assign(kernel)
        # Images of zeros have no gradient: only the constraint acts.
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile="auto")
        model.fit(np.zeros((2, 5, 5, 2)), np.zeros((2, 3, 3, 4)), verbose=0)
        found = ops.convert_to_numpy(layer.kernel)
        np.testing.assert_array_equal(found[..., :2], kernel[..., :2])
        np.testing.assert_allclose(rms_of(found)[2:], 0.1, rtol=1e-6)

    def test_a_model_is_saved_with_it(self, tmp_path):
        layer = keras.layers.Dense(
            1, kernel_constraint=FilterRMSConstraint(0.25)
        )
        model = keras.Sequential([keras.Input((2,)), layer])
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        constraint = again.layers[0].kernel_constraint
        assert type(constraint) is FilterRMSConstraint
        assert constraint.limit == 0.25
        name = keras.saving.get_registered_name(FilterRMSConstraint)
        assert name == "keras_attn>FilterRMSConstraint"

    def test_the_limit_is_the_papers(self):
        assert FilterRMSConstraint().get_config() == {"limit": 0.1}

    @pytest.mark.parametrize(
        "limit", [0, -0.1, True, "0.1", None, float("nan"), float("inf")]
    )
    def test_refuses(self, limit):
        message = "`limit` must be a positive number. Received: limit="
        with pytest.raises(ValueError, match=message):
            FilterRMSConstraint(limit)

    def test_refuses_a_bias(self):
        message = r"two axes or more. Received: shape \(3,\)"
        with pytest.raises(ValueError, match=message):
            FilterRMSConstraint()(np.ones(3, "float32"))


def ten_crops(x, height, width, start):
    """Crops channels-last images, `(n, 10, height, width, channels)`."""
    i, j = start
    b, r = x.shape[1] - height, x.shape[2] - width
    five = [
        x[:, :height, :width],
        x[:, :height, r:],
        x[:, b:, :width],
        x[:, b:, r:],
        x[:, i : i + height, j : j + width],
    ]
    return np.stack(five + [crop[:, :, ::-1] for crop in five], axis=1)


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


class Spy(keras.Model):
    """Remembers the shapes it was asked to predict, in its class."""

    shapes = []

    def predict(self, x, **kwargs):
        Spy.shapes.append(x.shape)
        assert kwargs["batch_size"] >= len(x)
        return super().predict(x, **kwargs)


def network(data_format="channels_last", size=(4, 3), cls=keras.Model):
    """A convolution as large as a crop, rectified."""
    first = data_format == "channels_first"
    image = keras.Input((2, *size) if first else (*size, 2))
    convolution = keras.layers.Conv2D(
        3, (4, 3), data_format=data_format, activation="relu", name="conv"
    )
    x = convolution(image)
    x = keras.layers.GlobalAveragePooling2D(data_format)(x)
    model = cls(image, x)
    convolution.kernel.assign(0.3 * random(4, 3, 2, 3))
    return model


@pytest.fixture(autouse=True)
def nothing_seen():
    """Forgets what models were asked in other tests."""
    Spy.shapes.clear()


def expected_mean(x, start=(2, 2)):
    crops = ten_crops(x.astype("float64"), 4, 3, start)
    scores = np.einsum("nkhwc,hwcf->nkf", crops, 0.3 * random(4, 3, 2, 3))
    return np.maximum(scores, 0).mean(axis=1)


class TestPredictTenCrops:
    """The mean over the crops."""

    @pytest.mark.parametrize("data_format", FORMATS)
    @pytest.mark.parametrize("count", [1, 5, 7])
    def test_is_the_mean(self, count, data_format):
        if reason := format_error(data_format):
            pytest.skip(reason)
        x = random(count, 7, 6, 2)
        y = predict_ten_crops(network(data_format), to_format(x, data_format))
        assert y.dtype == "float32"
        np.testing.assert_allclose(y, expected_mean(x), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(
        ("count", "batch_size", "shapes"),
        [
            (7, 32, [30, 30, 30]),
            (5, 32, [30, 30]),
            (4, 30, [20, 20]),
            (2, 320, [20]),
            (3, 10, [10, 10, 10]),
            (2, 1, [10, 10]),
        ],
    )
    def test_runs_on_as_many_crops_each_time(self, count, batch_size, shapes):
        x = random(count, 7, 6, 2)
        y = predict_ten_crops(network(cls=Spy), x, batch_size=batch_size)
        assert Spy.shapes == [(crops, 4, 3, 2) for crops in shapes]
        np.testing.assert_allclose(y, expected_mean(x), rtol=1e-4, atol=1e-5)

    def test_a_size_for_a_model_that_has_none(self):
        x = random(2, 7, 6, 2)
        model = network(size=(None, None))
        y = predict_ten_crops(model, x, size=(4, 3))
        np.testing.assert_allclose(y, expected_mean(x), rtol=1e-4, atol=1e-5)
        assert predict_ten_crops(model, x, size=5).shape == (2, 3)

    def test_a_nest_of_outputs(self):
        image = keras.Input((2, 2, 1))
        model = keras.Model(
            image,
            {
                "map": keras.layers.Rescaling(2.0)(image),
                "both": [
                    keras.layers.Flatten("channels_last")(image),
                    ops.max(image, axis=(1, 2, 3)),
                ],
            },
        )
        x = random(4, 3, 3, 1)
        y = predict_ten_crops(model, x, batch_size=10)
        crops = ten_crops(x, 2, 2, (0, 0))
        assert set(y) == {"map", "both"}
        np.testing.assert_allclose(
            y["map"], 2 * crops.mean(axis=1), rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            y["both"][0],
            crops.mean(axis=1).reshape(4, 4),
            rtol=1e-5,
            atol=1e-6,
        )
        np.testing.assert_allclose(
            y["both"][1], crops.max(axis=(2, 3, 4)).mean(axis=1), rtol=1e-5
        )

    def test_the_format_is_the_models_or_that_of_keras(self):
        x = random(1, 2, 5, 4)
        # A model inside of a model has a layer with a format.
        pooling = keras.layers.GlobalMaxPooling2D("channels_first")
        inner = keras.Sequential([keras.Input((2, 3, 3)), pooling])
        image = keras.Input((2, 3, 3))
        y = predict_ten_crops(keras.Model(image, inner(image)), x)
        assert y.shape == (1, 2)
        model = keras.Model(image, ops.max(image, axis=(2, 3)))
        with pytest.raises(ValueError, match="as large as a crop, 2 x 3"):
            predict_ten_crops(model, x[:, :1])
        keras.config.set_image_data_format("channels_first")
        np.testing.assert_array_equal(predict_ten_crops(model, x), y)

    @pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "float16"])
    def test_numbers_of_any_type(self, dtype):
        x = np.random.default_rng(0).integers(0, 9, (2, 7, 6, 2)).astype(dtype)
        y = predict_ten_crops(network(), x)
        np.testing.assert_allclose(y, expected_mean(x), rtol=1e-4, atol=1e-3)

    def test_half_precision_is_the_models_matter(self):
        x, model = random(2, 7, 6, 2), network()
        y = predict_ten_crops(model, x)
        keras.config.set_dtype_policy("mixed_bfloat16")
        np.testing.assert_array_equal(predict_ten_crops(model, x), y)
        half = predict_ten_crops(network(), x)
        assert half.dtype == "float32"
        np.testing.assert_allclose(half, y, rtol=0.1, atol=0.1)

    def test_the_model_stays(self):
        model = network()
        model.compile("adam", "mse")
        model.fit(random(2, 4, 3, 2), np.ones((2, 3)), verbose=0)
        config, before = model.get_config(), model.get_weights()
        state = [np.array(v) for v in model.optimizer.variables]
        predict_ten_crops(model, random(2, 7, 6, 2))
        assert model.get_config() == config
        for kind in (
            zip(model.get_weights(), before, strict=True),
            zip(model.optimizer.variables, state, strict=True),
        ):
            for now, then in kind:
                np.testing.assert_array_equal(np.array(now), then)

    def test_images_as_large_as_a_crop(self):
        x = random(1, 4, 3, 2)
        y = predict_ten_crops(network(), x)
        expected = expected_mean(x, start=(0, 0))
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)

    def test_shows_its_progress_if_asked(self, capsys):
        x, model = random(2, 7, 6, 2), network()
        predict_ten_crops(model, x)
        assert capsys.readouterr().out == ""
        predict_ten_crops(model, x, verbose=1)
        assert "2/2" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"batch_size": 0}, "`batch_size` must be a positive integer"),
            ({"size": 0}, "`size` must be an integer from 1, or a pair"),
            ({"size": (8, 3)}, "as large as a crop, 8 x 3 pixels"),
            ({"images": random(7, 6, 2)}, r"four axes. .* shape \(7, 6, 2\)"),
            ({"images": random(0, 7, 6, 2)}, "at least one image"),
            ({"images": random(1, 7, 2, 2)}, "as large as a crop, 4 x 3"),
        ],
    )
    def test_refuses(self, kwargs, message):
        arguments = {"images": random(1, 7, 6, 2), **kwargs}
        with pytest.raises(ValueError, match=message):
            predict_ten_crops(network(), **arguments)

    @pytest.mark.parametrize("size", [(None, 3), (None, None)])
    def test_refuses_an_unknown_size(self, size):
        message = "`size` must be given for a model whose input has no fixed"
        size = (None, *size[1:])
        with pytest.raises(ValueError, match=message):
            predict_ten_crops(network(size=size), random(1, 7, 6, 2))

    def test_refuses_two_inputs(self):
        inputs = [keras.Input((2, 2, 1)), keras.Input((1,))]
        model = keras.Model(inputs, inputs[1])
        message = "`model` must have one input, the images. Received: inputs"
        with pytest.raises(ValueError, match=message):
            predict_ten_crops(model, random(1, 3, 3, 1))
