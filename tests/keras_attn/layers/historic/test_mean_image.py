import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.historic.mean_image import MeanImage
from tests.cases.historic import MEAN_IMAGE
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.devices import FORMATS, from_format, to_format


@contract([MEAN_IMAGE], LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def photos(count=7, size=(4, 3, 2), seed=0):
    """Returns images with values in [0, 255]."""
    random = np.random.default_rng(seed)
    return random.uniform(0, 255, (count, *size)).astype("float32")


def mean_of(layer):
    return ops.convert_to_numpy(layer.mean_image)


def expected_mean(x):
    return x.astype("float64").mean(axis=0).astype("float32")


def assert_mean(layer, x, what=""):
    mean, expected = mean_of(layer), expected_mean(x)
    np.testing.assert_allclose(mean, expected, rtol=1e-7, err_msg=what)


def adapted(data, data_format="channels_last", batch_size=None, **kwargs):
    layer = MeanImage(data_format, **kwargs)
    layer.adapt(data, batch_size)
    return layer


class TestAdapt:
    """The mean image of different kinds of data."""

    @pytest.mark.parametrize("data_format", FORMATS)
    @pytest.mark.parametrize("batch_size", [None, 1, 3, 7, 100])
    def test_is_the_mean_of_an_array(self, batch_size, data_format):
        x = photos()
        images = to_format(x, data_format)
        layer = adapted(images, data_format, batch_size)
        # Height, width and channels in either format.
        assert_mean(layer, x)
        y = from_format(ops.convert_to_numpy(layer(images)), data_format)
        np.testing.assert_allclose(y, x - expected_mean(x), rtol=0, atol=1e-4)

    def test_an_array_is_read_in_parts(self):
        class Array:
            shape = (100, 1, 1, 1)
            read = []

            def __getitem__(self, index):
                self.read.append(len(range(100)[index]))
                return np.ones((self.read[-1], 1, 1, 1))

        array = Array()
        adapted(array, batch_size=40)
        assert array.read == [40, 40, 20]
        array.read.clear()
        adapted(array)
        assert array.read == [32, 32, 32, 4]

    def test_is_summed_in_float64(self):
        x = np.ones((1024, 1, 1, 1), "float32")
        x[0] = 2.0**24
        # Adding 1 to 2**24 changes nothing in float32.
        expected = (2.0**24 + 1023) / 1024
        for batch_size in (1, 1024):
            mean = mean_of(adapted(x, batch_size=batch_size))
            np.testing.assert_array_equal(mean, np.float32(expected))
        small = np.full((3, 1, 1, 1), 255, "uint8")
        np.testing.assert_array_equal(mean_of(adapted(small)), 255)

    def test_a_small_last_batch_counts_less(self):
        x = photos(6)
        assert_mean(adapted(iter([x[:5], x[5:]])), x)

    def test_accepts_the_inputs_of_fit(self):
        x, labels = photos(), np.arange(7)

        class Pairs(keras.utils.PyDataset):
            def __len__(self):
                return 3

            def __getitem__(self, index):
                part = slice(3 * index, 3 * index + 3)
                return x[part], labels[part]

        pairs = [(x[:2], labels[:2]), (x[2:], labels[2:], np.ones(5))]
        sources = {
            "generator": (batch for batch in (x[:4], x[4:4], x[4:])),
            "tuples": pairs,
            "lists": [list(pair) for pair in pairs],
            "tensor": ops.convert_to_tensor(x),
            "tensors": [ops.convert_to_tensor(x)],
            "PyDataset": Pairs(),
        }
        for name, data in sources.items():
            assert_mean(adapted(data), x, name)

    def test_accepts_a_pytorch_data_loader(self):
        torch = pytest.importorskip("torch")
        x = photos()
        data = torch.utils.data.TensorDataset(
            torch.tensor(to_format(x, "channels_first")), torch.arange(7)
        )
        loader = torch.utils.data.DataLoader(data, batch_size=3, shuffle=True)
        assert_mean(adapted(loader, "channels_first"), x)

    def test_accepts_a_tensorflow_dataset(self):
        if keras.backend.backend() != "tensorflow":
            pytest.skip("importing TensorFlow takes seconds")
        import tensorflow as tf

        x = photos()
        data = tf.data.Dataset.from_tensor_slices((x, np.arange(7))).batch(3)
        assert_mean(adapted(data), x)

    def test_adapting_again_replaces_the_mean(self):
        layer = adapted(photos())
        other = photos(3, seed=1)
        layer.adapt(other)
        assert_mean(layer, other)

    def test_subtracts_nothing_before_adapting(self):
        x = photos()
        y = MeanImage("channels_last")(x)
        np.testing.assert_array_equal(ops.convert_to_numpy(y), x)

    def test_changes_a_model_that_has_already_run(self):
        image = keras.Input((4, 3, 2))
        layer = MeanImage("channels_last")
        model = keras.Model(image, layer(image))
        x = photos()
        np.testing.assert_array_equal(model.predict(x, verbose=0), x)
        layer.adapt(x)
        np.testing.assert_allclose(
            model.predict(x, verbose=0), x - expected_mean(x), atol=1e-4
        )


def spoiled(value):
    x = photos()
    x[5, 1, 1, 1] = value
    return x


class Endless(keras.utils.PyDataset):
    """A data set without an end."""

    num_batches = None

    def __getitem__(self, index):
        return photos()


BAD = {
    "nan": (spoiled(np.nan), {}, "finite numbers only. Received: NaN or inf"),
    "inf": (spoiled(np.inf), {"batch_size": 2}, "2 images from index 4"),
    "other size": (
        [photos(), photos(size=(3, 4, 2))],
        {},
        r"images of one size, \(4, 3, 2\) .* of shape \(7, 3, 4, 2\)",
    ),
    "one image": (photos()[0], {}, r"four axes. .* of shape \(4, 3, 2\)"),
    "words": (np.full((2, 4, 3, 2), "a"), {}, "arrays of numbers .* dtype <U1"),
    "none": (photos()[:0], {}, "at least one image. Received: no images"),
    "no batch": ([], {}, "at least one image. Received: no images"),
    "batch_size 0": (photos(), {"batch_size": 0}, "`batch_size` must be a pos"),
    "batch_size of batches": (
        [photos()],
        {"batch_size": 2},
        "must be None for an iterable of batches",
    ),
    "endless": (Endless(), {}, "iterable that ends. Received: a `PyDataset`"),
}


@pytest.mark.parametrize(("data", "kwargs", "message"), BAD.values(), ids=BAD)
def test_a_rejected_data_set_changes_nothing(data, kwargs, message):
    layer = adapted(photos(seed=2))
    before = mean_of(layer).copy()
    with pytest.raises(ValueError, match=message):
        layer.adapt(data, **kwargs)
    np.testing.assert_array_equal(mean_of(layer), before)
    new = MeanImage("channels_last")
    with pytest.raises(ValueError, match=message):
        new.adapt(data, **kwargs)
    assert not new.built
    assert new.weights == []


def test_rejects_data_of_another_size():
    layer = MeanImage("channels_first")
    layer.build((None, 2, 4, 3))
    message = r"one size, \(2, 4, 3\) .* a batch of shape \(7, 4, 3, 2\)"
    with pytest.raises(ValueError, match=message):
        layer.adapt(photos())


@pytest.mark.parametrize(
    "shape", [(None, 3, 2), (4, None, 2), (4, 3, None), (None, None, None)]
)
def test_rejects_an_unknown_size(shape):
    message = "`MeanImage` requires a static height, width and number of"
    with pytest.raises(ValueError, match=message):
        MeanImage("channels_last")(keras.Input(shape))


def test_rejects_another_size():
    layer = adapted(photos())
    with pytest.raises(ValueError, match="expected axis 1"):
        layer(photos(size=(3, 3, 2)))


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "float16"])
def test_integers_become_floats_of_the_policy(dtype):
    x = np.array([[250, 3], [1, 4]], "uint8").reshape(2, 1, 2, 1)
    layer = adapted(x, dtype=dtype)
    for image in (x, x.astype("int32")):
        y = layer(image)
        assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype
        # Negative numbers, which would wrap around in uint8.
        y = ops.convert_to_numpy(ops.cast(y, "float32"))
        np.testing.assert_array_equal(y.ravel(), [124.5, -0.5, -124.5, 0.5])
    symbolic = layer(keras.Input((1, 2, 1), dtype="uint8"))
    assert symbolic.dtype == layer.compute_dtype


def test_the_mean_is_float32_in_half_precision():
    x = np.full((1, 1, 1, 1), 200.03)
    mean = mean_of(adapted(x, dtype="float16"))
    np.testing.assert_allclose(mean, 200.03, rtol=1e-7)


def network(data_format="channels_last"):
    shape = (2, 4, 3) if data_format == "channels_first" else (4, 3, 2)
    image = keras.Input(shape)
    x = MeanImage(data_format, name="mean")(image)
    x = keras.layers.GlobalAveragePooling2D(data_format)(x)
    return keras.Model(image, keras.layers.Dense(1, name="dense")(x))


def test_a_model_is_saved_with_its_mean(tmp_path):
    model, x = network(), photos()
    model.get_layer("mean").adapt(x)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    mean = mean_of(again.get_layer("mean"))
    np.testing.assert_array_equal(mean, mean_of(model.get_layer("mean")))
    assert np.abs(mean).min() > 50
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )


def test_one_checkpoint_serves_both_formats(tmp_path):
    model, x = network(), photos()
    model.get_layer("mean").adapt(x)
    model.save_weights(tmp_path / "model.weights.h5")
    other = network("channels_first")
    other.load_weights(tmp_path / "model.weights.h5")
    found = other.predict(to_format(x, "channels_first"), verbose=0)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_training_does_not_change_the_mean():
    model, x = network(), photos()
    layer = model.get_layer("mean")
    layer.adapt(x)
    assert layer.trainable_weights == []
    mean, (kernel, bias) = mean_of(layer).copy(), model.get_weights()[1:]
    centred = (x - expected_mean(x)).mean(axis=(1, 2)).astype("float64")
    pull = 2 * (centred @ kernel + bias - 1) / 7
    model.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile="auto")
    model.fit(x, np.ones((7, 1)), batch_size=7, verbose=0)
    np.testing.assert_array_equal(mean_of(layer), mean)
    found, expected = model.get_weights()[1], kernel - 1e-3 * centred.T @ pull
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_config_has_the_format_and_no_mean():
    layer = MeanImage("channels_first", name="mean")
    layer.build((None, 2, 4, 3))
    again = MeanImage.from_config(layer.get_config())
    assert again.data_format == "channels_first"
    assert not again.built
