import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.applications import ZFNet, zfnet
from keras_attn.explain import DeconvNet
from keras_attn.layers import MaxPooling2DWithIndices
from keras_attn.weights import load_torch, to_torch
from tests.cases import ZFNET
from tests.contracts import MODEL_CHECKS, check_matches_reference, contract
from tests.contracts.cases import keras_setting
from tests.contracts.devices import (
    FORMATS,
    format_error,
    from_format,
    to_format,
)
from tests.goldens import load_golden, random_weights, zfnet_images

# `TestReference` replaces one of the checks, at full size.
CHECKS = [c for c in MODEL_CHECKS if c is not check_matches_reference]


@contract([ZFNET], CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@functools.cache
def golden():
    return load_golden("zfnet")


def loaded(data_format="channels_last", **kwargs):
    """Returns a network with the recorded weights that it has."""
    shapes = {k: tuple(v) for k, v in golden()["meta"]["shapes"].items()}
    arrays = random_weights(shapes)
    with keras_setting("image_data_format", data_format):
        model = ZFNet(classes=5, classifier_activation=None, **kwargs)
        load_torch(model, arrays)
    return model


@pytest.mark.once
class TestReference:
    """Comparison with the published network and random weights."""

    def test_logits(self):
        model = loaded(normalization="reference")
        y = model.predict(zfnet_images(), verbose=0)
        expected = golden()["logits"]
        limit = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(y, expected, rtol=0, atol=limit)
        # And back, where PyTorch flattens channels first.
        again = to_torch(model)
        name = "layer6.weight"
        shape = golden()["meta"]["shapes"][name]
        expected = random_weights(
            {name: tuple(shape), "layer6.bias": (shape[0],)}
        )[name]
        np.testing.assert_array_equal(again[name], expected)

    def test_maps_and_switches(self, data_format):
        model = loaded(
            data_format, include_top=False, normalization="reference"
        )
        convolutions = ("stage1_conv", "stage2_conv", "stage5_conv")
        with keras_setting("image_data_format", data_format):
            part = keras.Model(
                model.inputs,
                [
                    *(model.get_layer(name).output for name in convolutions),
                    model.output,
                ],
            )
        images = to_format(zfnet_images(), data_format)
        *maps, features = part.predict(images, verbose=0)
        features = from_format(features, data_format)[:1, ..., ::8]
        expected = golden()["features"]
        limit = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(features[0], expected[0], rtol=0, atol=limit)
        for stage, step, padding, y in zip(
            (1, 2, 5), (32, 32, 16), (1, 1, 0), maps, strict=True
        ):
            pooling = MaxPooling2DWithIndices(
                3, 2, padding, data_format=data_format
            )
            _, indices = pooling(y)
            indices = from_format(ops.convert_to_numpy(indices), data_format)
            same = indices[..., ::step] == golden()[f"switches{stage}"]
            # If two are equal up to rounding, either may be first.
            assert same.mean() > 0.999

    @pytest.mark.parametrize("strongest", [None, 1])
    def test_deconvnet(self, strongest, data_format):
        """Comparison with switches and transposed convolutions in PyTorch."""
        model = loaded(data_format, include_top=False)
        images = to_format(zfnet_images(), data_format)
        found = DeconvNet(model)(images, "stage5", 3, strongest)
        expected = golden()["whole" if strongest is None else "strongest"]
        limit = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(
            found.pixels[:, ::5, ::5], expected, rtol=0, atol=limit
        )


@pytest.mark.once
def test_counts_the_parameters_of_the_paper():
    model = ZFNet(include_top=False)
    assert model.count_params() == 3_726_464
    sizes = [
        model.get_layer(name).output.shape[1:]
        for name in ("stage1_conv", "stage1", "stage2_conv", "stage2", "stage5")
    ]
    assert sizes == [
        (110, 110, 96),
        (55, 55, 96),
        (26, 26, 256),
        (13, 13, 256),
        (6, 6, 256),
    ]


@pytest.mark.once
def test_counts_the_parameters_of_the_whole():
    top = 9216 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    assert 3_726_464 + top == 62_357_608
    assert ZFNet().count_params() == 62_357_608


def small(**kwargs):
    defaults = {
        "small_images": True,
        "filters": (4, 6, 6, 6, 4),
        "units": 8,
        "classes": 3,
    }
    return ZFNet(**{**defaults, **kwargs})


@pytest.mark.once
def test_small_images_end_as_three_pixels():
    model = small()
    assert model.input_shape == (None, 28, 28, 1)
    names = ("stage1_conv", "stage1", "stage2_conv", "stage2", "stage5")
    sizes = [model.get_layer(name).output.shape[1] for name in names]
    assert sizes == [28, 14, 14, 7, 3]


@pytest.mark.once
def test_starts_from_a_normal_distribution():
    model = ZFNet(include_top=False)
    for name in ("stage1_conv", "stage3"):
        kernel, bias = model.get_layer(name).get_weights()
        assert abs(kernel.std() - 0.01) < 2e-4 and abs(kernel.mean()) < 2e-4
        assert not bias.any()


@pytest.mark.once
@pytest.mark.parametrize("constant", [True, False])
def test_from_a_constant_all_filters_stay_the_same(constant):
    """A known implementation has "all weights initialized to 1e-2"."""
    keras.utils.set_random_seed(0)
    model = small(dropout=0.0, input_shape=(9, 9, 3))
    if constant:
        model.set_weights(
            [w * 0 + 0.01 * (w.ndim > 1) for w in model.get_weights()]
        )
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, size=(12, 9, 9, 3))
    y = rng.integers(0, 3, 12)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    before = model.get_layer("stage1_conv").get_weights()[0]
    model.fit(x, y, batch_size=6, epochs=4, verbose=0)
    for name in ("stage1_conv", "stage3"):
        kernel = model.get_layer(name).get_weights()[0]
        spread = np.ptp(kernel, axis=-1).max()
        assert spread < 1e-7 if constant else spread > 1e-3
    assert np.any(before != model.get_layer("stage1_conv").get_weights()[0])


def test_the_constants_of_the_normalisation():
    def constants(**kwargs):
        layer = small(include_top=False, **kwargs).get_layer("stage2")
        return layer.size, layer.alpha, layer.beta, layer.k, layer.convention

    assert constants() == (5, 1e-4, 0.75, 2.0, "tensorflow")
    expected = (6, 1e-4, 0.75, 1.0, "torch")
    assert constants(normalization="reference") == expected
    own = {"size": 3, "alpha": 5e-5}
    expected = (3, 5e-5, 0.75, 2.0, "tensorflow")
    assert constants(normalization=own) == expected


@pytest.mark.once
def test_dropouts_draw_differently_and_by_the_seed():
    layers = [
        small(seed=7).get_layer(f"fc{i}_dropout").get_config()["seed"]
        for i in (6, 7)
    ]
    assert layers == [7, 8]


@pytest.mark.once
def test_the_constraint_reaches_the_convolutions():
    model = small(kernel_constraint=zfnet.FilterRMSConstraint(0.1))
    for name in ("stage1_conv", "stage3", "stage5_conv"):
        constraint = model.get_layer(name).kernel_constraint
        assert isinstance(constraint, zfnet.FilterRMSConstraint)


@pytest.mark.parametrize("data_format", FORMATS)
def test_any_size_without_top(data_format):
    if reason := format_error(data_format):
        pytest.skip(reason)
    first = data_format == "channels_first"
    with keras_setting("image_data_format", data_format):
        shape = (3, None, None) if first else (None, None, 3)
        model = small(include_top=False, input_shape=shape, pooling="max")
    x = np.random.default_rng(0).normal(size=(2, 13, 11, 3))
    y = model.predict(to_format(x, data_format), verbose=0)
    assert y.shape == (2, 4)


@pytest.mark.parametrize("data_format", FORMATS)
def test_preprocessing_subtracts_the_mean_colour(data_format):
    x = np.zeros((1, 2, 3, 3), "uint8")
    x[..., 0] = 255
    tensor = ops.convert_to_tensor(to_format(x, data_format))
    for given in (to_format(x, data_format), tensor):
        y = zfnet.preprocess_input(given, data_format)
        y = from_format(ops.convert_to_numpy(y), data_format)
        np.testing.assert_allclose(
            y[0, 1, 2], [255 - 123.675, -116.28, -103.53], rtol=1e-6
        )
        assert y.dtype == "float32"


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"input_shape": (52, 60, 3)}, "at least 53"),
        ({"input_shape": (None, None, 3)}, "must be known"),
        ({"input_shape": (8, 9, 1), "small_images": True}, "at least 9"),
        ({"filters": (1, 2, 3)}, "`filters` must be five"),
        ({"filters": (1, 2, 3, 4, 0)}, "`filters` must be five"),
        ({"units": 0}, "`units` must be a positive integer"),
        ({"dropout": 1.0}, r"`dropout` must be a number in \[0, 1\)"),
        ({"normalization": "caffe"}, "`normalization` must be one of"),
        ({"pooling": "avg"}, "must be None for a model with"),
        ({"weights": "imagenet"}, "`weights` must be None"),
    ],
)
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ZFNet(**kwargs)


def test_preprocessing_refuses_other_than_three_channels():
    with pytest.raises(ValueError, match="three channels"):
        zfnet.preprocess_input(np.zeros((1, 4, 4, 1)))
