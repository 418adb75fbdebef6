import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.applications.zfnet.ten_crops import (
    predict_ten_crops,
)
from tests.contracts.devices import FORMATS, format_error, to_format


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
    """Records the input shapes of `predict` in its class."""

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
    """Clears the records of other tests."""
    Spy.shapes.clear()


def expected_mean(x, start=(2, 2)):
    crops = ten_crops(x.astype("float64"), 4, 3, start)
    scores = np.einsum("nkhwc,hwcf->nkf", crops, 0.3 * random(4, 3, 2, 3))
    return np.maximum(scores, 0).mean(axis=1)


@pytest.mark.once
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

    def test_a_size_for_a_model_without_one(self):
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
        # A nested model has a layer with a data format.
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

    def test_the_model_applies_its_own_half_precision(self):
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
            ({"size": 0}, "`size` must be a positive integer or a pair"),
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
        message = "`model` must have a single input, the images. Received:"
        with pytest.raises(ValueError, match=message):
            predict_ten_crops(model, random(1, 3, 3, 1))
