import functools

import keras
import numpy as np
import pytest
from keras import ops

import keras_attn
from keras_attn import backend
from keras_attn.applications import FERNet, fernet
from keras_attn.layers import FeatureAct
from keras_attn.weights import load_torch, to_torch
from tests.cases import FERNET
from tests.contracts import MODEL_CHECKS, check_matches_reference, contract
from tests.goldens import (
    cotangent,
    fernet_images,
    load_golden,
    random_weights,
)
from tests.marks import thorough

# `TestReference` replaces one of the checks, at full size.
CHECKS = [c for c in MODEL_CHECKS if c is not check_matches_reference]


@contract([FERNET], CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def trained(**kwargs):
    """A FERNet that holds the golden's weights."""
    model = FERNet(classifier_activation=None, **kwargs)
    shapes = {name: array.shape for name, array in to_torch(model).items()}
    load_torch(model, random_weights(shapes))
    return model


def golden_images():
    images = fernet_images()
    if keras.config.image_data_format() == "channels_first":
        images = images.transpose(0, 3, 1, 2)
    return images


def forward(model, training=False):
    """Returns the outputs, compiled on JAX for speed."""
    function = functools.partial(model, training=training)
    if keras.backend.backend() == "jax":
        import jax

        state = model.trainable_variables + model.non_trainable_variables
        values = [variable.value for variable in state]

        def function(x):
            mapping = list(zip(state, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return model(x, training=training)

        function = jax.jit(function)
    return ops.convert_to_numpy(function(golden_images()))


def input_gradient(model, training):
    """Returns every third pixel's gradient, channels last."""
    images = golden_images()
    pull = cotangent((len(images), 7))

    def function(x):
        y = model(x, training=training)
        return ops.sum(y * ops.cast(pull, y.dtype))

    _, gradient = backend.value_and_gradient(function, images)
    gradient = ops.convert_to_numpy(gradient)
    if keras.config.image_data_format() == "channels_first":
        gradient = gradient.transpose(0, 2, 3, 1)
    return gradient[:, ::3, ::3]


@pytest.fixture
def float64():
    keras.config.set_dtype_policy("float64")


def close(actual, expected, tolerance=1e-4):
    """Compares relative to the largest, since small values are differences."""
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=atol)


def distances(actual, expected):
    """Returns the sorted distances of the images, relative to their norms."""
    away, norm = (
        np.linalg.norm(array.reshape(len(array), -1), axis=1)
        for array in (actual - expected, expected)
    )
    return np.sort(away / norm)


@pytest.mark.once
class TestReference:
    """Comparison with the reference network and the same random weights."""

    @pytest.mark.parametrize("mode", ["inference", "training"])
    def test_logits(self, mode, keras_format):
        y = forward(trained(), training=mode == "training")
        close(y, load_golden("fernet")[f"{mode}_logits"])

    def test_input_gradients_in_inference(self, keras_format):
        expected = load_golden("fernet")["inference_gradient"]
        gradient = input_gradient(trained(), training=False)
        # A ReLU that rounding flips changes the gradient of its image only. In
        # TensorFlow with oneDNN, two of six images change, by 4e-3 and 2e-2.
        moved = 2 if keras.backend.backend() == "tensorflow" else 1
        away = distances(gradient, expected)
        assert away[-1 - moved] < 1e-5
        assert away[-1] < 5e-2

    def test_input_gradients_in_training(self, keras_format):
        """Equal except for a few of two million ReLUs that rounding flips."""
        # They change the gradient of an image by up to 2e-2 of its norm (found
        # by shifting images by 1e-6). At least two images keep theirs to 5e-4.
        expected = load_golden("fernet")["training_gradient"]
        away = distances(input_gradient(trained(), training=True), expected)
        assert away[1] < 1e-3
        assert away[-1] < 5e-2

    def test_embeddings(self, keras_format):
        y = forward(trained(embeddings=True))
        close(y, load_golden("fernet")["embeddings"])

    def test_checkpoints_go_back_as_they_came(self, keras_format):
        state = to_torch(trained())
        shapes = {name: array.shape for name, array in state.items()}
        for name, array in random_weights(shapes).items():
            np.testing.assert_array_equal(state[name], array, err_msg=name)


# Not once: one backend computes so, and need not be the one that runs that.
@pytest.mark.parametrize("mode", ["training", thorough("inference")])
@pytest.mark.skipif(
    keras.backend.result_type("float64") != "float64",
    reason="Keras is limited to 32 bits on this backend",
)
def test_in_double_precision(mode, float64):
    golden, training = load_golden("fernet"), mode == "training"
    # 1e-6, as the last layer casts the logits to float32.
    close(forward(trained(), training), golden[f"{mode}_logits"], 1e-6)
    gradient = input_gradient(trained(), training)
    close(gradient, golden[f"{mode}_gradient"], 1e-6)


@pytest.mark.once
class TestFERNet:
    def test_has_the_parameters_of_the_reference(self):
        model = FERNet()
        trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
        assert trainable == 2_240_795

    def test_stages_end_by_name(self):
        model = FERNet()
        sizes = [(24, 32), (12, 64), (6, 128), (3, 256)]
        for stage, (side, channels) in enumerate(sizes, start=1):
            layer = model.get_layer(f"stage{stage}")
            assert isinstance(layer, FeatureAct)
            assert layer.output.shape == (None, side, side, channels)

    def test_gives_probabilities(self):
        images = np.random.uniform(size=(3, 48, 48, 1))
        y = FERNet().predict(images, verbose=0)
        np.testing.assert_allclose(
            np.sum(y, 1, "float32"), np.ones(3), rtol=1e-5
        )

    def test_gives_float32_probabilities_in_mixed_precision(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = FERNet(input_shape=(16, 16, 1))
        images = np.random.uniform(size=(3, 16, 16, 1))
        y = model.predict(images, verbose=0)
        assert y.dtype == "float32"
        assert model.get_layer("stage4").compute_dtype == "bfloat16"
        np.testing.assert_allclose(
            np.sum(y, 1, "float32"), np.ones(3), rtol=1e-5
        )

    @pytest.mark.parametrize(
        ("kwargs", "shape"),
        [
            ({"classes": 3}, (None, 3)),
            ({"embeddings": True}, (None, 128)),
            ({"include_top": False}, (None, 2, 1, 256)),
            ({"include_top": False, "pooling": "avg"}, (None, 256)),
            ({"include_top": False, "pooling": "max"}, (None, 256)),
        ],
    )
    def test_ends_where_requested(self, kwargs, shape):
        model = FERNet(input_shape=(32, 16, 4), **kwargs)
        assert model.output_shape == shape
        y = model.predict(np.zeros((2, 32, 16, 4)), verbose=0)
        assert tuple(y.shape) == (2, *shape[1:])

    def test_pools_by_its_name(self):
        x = np.random.uniform(size=(2, 32, 32, 1)).astype("float32")
        body = FERNet(include_top=False, input_shape=(32, 32, 1))
        features = body.predict(x, verbose=0)
        for pooling, reduce in (("avg", np.mean), ("max", np.max)):
            model = FERNet(
                include_top=False, input_shape=(32, 32, 1), pooling=pooling
            )
            model.set_weights(body.get_weights())
            np.testing.assert_allclose(
                model.predict(x, verbose=0),
                reduce(features, (1, 2)),
                rtol=1e-5,
                atol=1e-6,
            )

    def test_starts_from_the_output_of_other_layers(self):
        inputs = keras.Input((32, 32, 3), name="photo")
        x = keras.layers.Rescaling(1 / 255)(inputs)
        model = FERNet(input_tensor=x, classes=2)
        assert model.inputs[0] is inputs
        # Its checkpoints can still be loaded.
        load_torch(model, to_torch(FERNet(input_shape=(32, 32, 3), classes=2)))

    @pytest.mark.parametrize(
        ("kwargs", "ignored"),
        [({"include_top": False}, 18), ({"embeddings": True}, 6)],
    )
    def test_leaves_out_what_it_does_not_have(self, kwargs, ignored):
        arrays = to_torch(FERNet(input_shape=(32, 32, 1)))
        report = load_torch(FERNet(input_shape=(32, 32, 1), **kwargs), arrays)
        left = [n for n in report.ignored if "num_batches" not in n]
        assert len(left) == ignored
        assert all(name.startswith("classifier.") for name in left)

    def test_passes_its_options_to_the_attention(self):
        model = FERNet(ratio=8, attention_activation="sigmoid")
        layer = model.get_layer("stage2")
        assert (layer.dim, layer.activation) == (8, keras.activations.sigmoid)

    @pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".npz"])
    def test_loads_a_file_of_weights(self, suffix, tmp_path):
        kwargs = {"input_shape": (16, 16, 1), "classes": 2}
        model, path = FERNet(**kwargs), tmp_path / f"fernet{suffix}"
        if suffix == ".npz":
            np.savez(path, **to_torch(model))
        elif suffix == ".keras":
            model.save(path)
        else:
            model.save_weights(path)
        again = FERNet(weights=path, **kwargs)
        for old, new in zip(
            model.get_weights(), again.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(old, new)

    def test_has_a_name_for_everything(self):
        model = FERNet(name="faces")
        assert model.name == "faces"
        assert not [
            layer.name for layer in model.layers[1:] if "2d" in layer.name
        ]


class TestPreprocessInput:
    def test_scales_by_255_into_a_new_array(self):
        x = np.array([[[0, 51, 255]]], "uint8")
        y = fernet.preprocess_input(x)
        assert y.dtype == "float32"
        np.testing.assert_allclose(y, [[[0.0, 0.2, 1.0]]], rtol=1e-6)
        np.testing.assert_array_equal(x, [[[0, 51, 255]]])

    def test_takes_tensors(self):
        x = ops.convert_to_tensor([[[51]]], "uint8")
        y = ops.convert_to_numpy(fernet.preprocess_input(x))
        np.testing.assert_allclose(y, [[[0.2]]], rtol=1e-6)


@pytest.mark.once
class TestDecodePredictions:
    def test_names_the_best_first(self):
        preds = np.array([[0.1, 0, 0, 0.7, 0, 0.2, 0], [0, 0, 0, 0, 0, 0, 1.0]])
        best = fernet.decode_predictions(preds, top=2)
        assert best[0] == [(3, "happy", 0.7), (5, "surprise", 0.2)]
        assert best[1][0] == (6, "neutral", 1.0)

    def test_takes_other_names_and_backend_tensors(self):
        preds = ops.convert_to_tensor([[0.25, 0.75]])
        best = keras_attn.applications.fernet.decode_predictions(
            preds, class_names=["face", "other"]
        )
        assert best == [[(1, "other", 0.75), (0, "face", 0.25)]]

    @pytest.mark.parametrize("shape", [(7,), (1, 6), (1, 7, 1)])
    def test_says_which_shape_it_needs(self, shape):
        with pytest.raises(ValueError, match=r"shape \(batch, 7\)"):
            fernet.decode_predictions(np.zeros(shape))
