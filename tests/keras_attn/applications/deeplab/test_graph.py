import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.applications import DeepLabASC, DeepLabLargeFOV
from keras_attn.weights import load_torch, to_torch
from tests.cases.models import drawn, narrow, noise
from tests.cases.scales import resize_images
from tests.contracts.cases import draw_weights


@pytest.mark.once
def test_counts_the_parameters_of_the_paper():
    model = DeepLabLargeFOV(include_top=False)
    assert model.count_params() == 20_483_904
    assert tuple(model.output.shape) == (None, 41, 41, 1024)
    ends = [model.get_layer(f"stage{i}").output.shape[1] for i in range(1, 6)]
    assert ends == [161, 81, 41, 41, 41]


def test_average_pooling_counts_the_border():
    model = narrow(DeepLabLargeFOV)(input_shape=(None, None, 3))
    pooling = keras.Model(
        model.get_layer("stage5").output,
        model.get_layer("average_pool").output,
    )
    y = pooling.predict(np.ones((1, 3, 4, 6)), verbose=0)
    by_hand = np.array([[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]]) / 9
    np.testing.assert_allclose(y[0, ..., 0], by_hand, rtol=1e-6)


@pytest.mark.once
@pytest.mark.parametrize("function", [DeepLabLargeFOV, DeepLabASC])
def test_fc6_has_dilation_12(function):
    """The recorded images are too small to show this."""
    layer = narrow(function)(input_shape=(None, None, 3)).get_layer("fc6")
    layer.set_weights([np.ones(w.shape) for w in layer.get_weights()])
    point = np.zeros((1, 25, 25, 6), "float32")
    point[0, 12, 12] = 1
    seen = ops.convert_to_numpy(layer(point))[0, ..., 0] > 1
    places = np.zeros(25, bool)
    places[[0, 12, 24]] = True
    np.testing.assert_array_equal(seen, np.outer(places, places))


class TestSizes:
    """Height and width may be unknown until run time."""

    @pytest.mark.parametrize(
        ("function", "resolution"),
        [
            (DeepLabASC, "input"),
            pytest.param(DeepLabLargeFOV, "feature", marks=pytest.mark.once),
            pytest.param(DeepLabASC, "feature", marks=pytest.mark.thorough),
            pytest.param(DeepLabLargeFOV, "input", marks=pytest.mark.thorough),
        ],
    )
    def test_the_same_numbers_as_with_known_ones(self, function, resolution):
        options = {"output_resolution": resolution}
        unknown = drawn(function, **options)
        for size in ((33, 17), (24, 41)):
            y = unknown.predict(noise(*size), verbose=0)
            small = tuple((side - 1) // 8 + 1 for side in size)
            expected = size if resolution == "input" else small
            assert y.shape == (2, *expected, 3)
        known = drawn(function, input_shape=(*size, 3), **options)
        np.testing.assert_allclose(
            y, known.predict(noise(*size), verbose=0), rtol=0, atol=1e-6
        )

    @pytest.mark.once
    def test_scores_are_upsampled_before_the_activation(self):
        small = drawn(DeepLabASC, classifier_activation=None)
        large = drawn(DeepLabASC, output_resolution="input")
        x = noise(25, 33)
        scores = resize_images(small.predict(x, verbose=0), (25, 33))
        expected = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        y = large.predict(x, verbose=0)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)

    @pytest.mark.once
    def test_the_reference_form_needs_a_known_size(self):
        with pytest.raises(ValueError, match="must be known for .form="):
            narrow(DeepLabASC)(input_shape=(None, None, 3), form="reference")


@pytest.mark.once
def test_a_seed_seeds_all_dropout():
    kwargs = {"input_shape": (17, 17, 3), "skips": ("image",), "seed": 3}
    merging = narrow(DeepLabASC)(**kwargs)
    assert merging.get_layer("attention").seed == 3
    model = narrow(DeepLabLargeFOV)(**kwargs)
    draw_weights(model, np.random.default_rng(0))
    seeds = [
        layer.seed
        for layer in model.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert len(set(seeds)) == len(seeds) == 4
    again = narrow(DeepLabLargeFOV)(**kwargs)
    again.set_weights(model.get_weights())
    # Independently of earlier random numbers.
    keras.utils.set_random_seed(7)
    x = noise(17, 17)
    first = [ops.convert_to_numpy(model(x, training=True)) for _ in range(2)]
    second = [ops.convert_to_numpy(again(x, training=True)) for _ in range(2)]
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    assert np.abs(first[0] - first[1]).max() > 1e-4


SKIPS = ("image", "stage1", "stage2", "stage3", "stage4")


@pytest.mark.once
class TestSkips:
    """DeepLab-MSc-LargeFOV."""

    def test_join_fc7(self):
        options = {"include_top": False, "average_pooling": False}
        model = drawn(DeepLabLargeFOV, skips=SKIPS, **options)
        x = noise(25, 33)
        y = model.predict(x, verbose=0)
        assert y.shape == (2, 4, 5, 8 + 5 * 128)
        plain = narrow(DeepLabLargeFOV)(input_shape=(None, None, 3), **options)
        for layer in plain.layers:
            if layer.weights:
                same = model.get_layer(layer.name)
                layer.set_weights(same.get_weights())
        np.testing.assert_allclose(
            y[..., :8], plain.predict(x, verbose=0), rtol=0, atol=1e-6
        )
        # Every eighth pixel of the image, with its eight neighbours.
        first, second = (
            model.get_layer(f"skip_image_conv{i}").get_weights() for i in (1, 2)
        )
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        around = np.stack(
            [
                padded[:, i : i + 25 : 8, j : j + 33 : 8]
                for i in range(3)
                for j in range(3)
            ],
            axis=3,
        )
        kernel = first[0].reshape(9, 3, 128)
        hidden = np.einsum("bhwkc,kcf->bhwf", around, kernel) + first[1]
        expected = np.maximum(hidden, 0) @ second[0][0, 0] + second[1]
        np.testing.assert_allclose(
            y[..., 8:136], np.maximum(expected, 0), rtol=0, atol=1e-5
        )

    def test_in_each_scale(self):
        model = drawn(DeepLabASC, skips=("image", "stage1"))
        assert model.predict(noise(17, 25), verbose=0).shape == (2, 3, 4, 3)
        kernel = model.get_layer("attention").hidden.kernel
        assert kernel.shape[2] == 3 * (8 + 2 * 128)

    def test_have_pytorch_names(self):
        model = DeepLabASC(filters=8, attention_filters=4, skips=("stage2",))
        names = to_torch(model)
        assert names["backbone.skip_stage2.0.weight"].shape == (128, 128, 3, 3)
        assert load_torch(model, names).missing == ()

    def test_of_known_and_other_size(self):
        for size in ((17, 25), (24, 40), (30, 9)):
            model = drawn(DeepLabLargeFOV, input_shape=(*size, 3), skips=SKIPS)
            assert model.predict(noise(*size), verbose=0).shape[0] == 2
