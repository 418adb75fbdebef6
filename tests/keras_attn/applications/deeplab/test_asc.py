import functools

import keras
import numpy as np
import pytest
from keras import ops

import keras_attn
from keras_attn import backend
from keras_attn.applications import DeepLabASC, DeepLabLargeFOV, deeplab
from keras_attn.weights import load_torch
from tests.cases import ASC, LARGEFOV
from tests.cases.models import drawn, narrow, noise
from tests.cases.scales import resize_images
from tests.contracts import MODEL_CHECKS, check_matches_reference, contract
from tests.contracts.devices import (
    from_format,
    to_format,
)
from tests.goldens import (
    DEEPLAB_CLASSES,
    cotangent,
    deeplab_images,
    deeplab_weights,
    load_golden,
)

# `TestReference` replaces one of the checks, at full size.
CHECKS = [c for c in MODEL_CHECKS if c is not check_matches_reference]
SIZE = (33, 41)


@contract([ASC, LARGEFOV], CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@functools.cache
def golden():
    return load_golden("deeplab")


@functools.cache
def arrays(shapes):
    return deeplab_weights(golden()["meta"][shapes])


def shape_of_image():
    first = keras.config.image_data_format() == "channels_first"
    return (3, *SIZE) if first else (*SIZE, 3)


def check_close(actual, expected, data_format, tolerance=1e-4):
    actual = from_format(ops.convert_to_numpy(actual), data_format)
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=tolerance * np.abs(expected).max()
    )


@pytest.mark.once
class TestReference:
    """Comparison with plain PyTorch and the same random weights."""

    def reference(self, **kwargs):
        model = DeepLabASC(
            input_shape=shape_of_image(),
            classes=DEEPLAB_CLASSES,
            classifier_activation=None,
            scales=(1, 0.5),
            form="reference",
            **kwargs,
        )
        load_torch(model, arrays("shapes"))
        return model

    def test_merges_at_the_size_of_the_image(self, keras_format):
        model = self.reference(attention_resolution="input")
        images = to_format(deeplab_images(), keras_format)
        scores = model.predict(images, verbose=0)
        check_close(scores, golden()["scores_0"], keras_format)

    def test_backbone(self):
        model = DeepLabLargeFOV(
            include_top=False,
            input_shape=(*SIZE, 3),
            average_pooling=False,
            form="reference",
        )
        prefix = "backbones.0."
        load_torch(
            model,
            {
                name.removeprefix(prefix): array
                for name, array in arrays("shapes").items()
                if name.startswith(prefix)
            },
        )
        features = model.predict(deeplab_images(), verbose=0)
        assert features.shape == (2, 5, 6, 1024)
        check_close(features[..., ::64], golden()["features"], "channels_last")

    def test_the_published_state_dict_has_the_attention_only(self):
        """Its lists are not registered, so the rest is missing."""
        model = self.reference(attention_resolution="input")
        found = {
            name: array
            for name, array in arrays("shapes").items()
            if name.startswith("score_map2.")
        }
        assert sum(array.size for array in found.values()) == 9_438_722
        with pytest.raises(ValueError, match="missing: 'backbones.0.features"):
            load_torch(model, found)
        report = load_torch(model, found, strict=False)
        assert len(report.entries) == 4


@pytest.mark.once
class TestPaper:
    """Comparison of the paper's form with our own plain PyTorch code."""

    def model(self, **kwargs):
        model = DeepLabASC(
            input_shape=shape_of_image(),
            classes=DEEPLAB_CLASSES,
            classifier_activation=None,
            extra_supervision=True,
            **kwargs,
        )
        load_torch(model, _paper_names())
        return model

    def test_scores_of_all_scales(self, keras_format):
        model = self.model()
        images = to_format(deeplab_images(), keras_format)
        scores = model.predict(images, verbose=0)
        for i, name in enumerate(
            ("merged", "scale_1", "scale_0_75", "scale_0_5")
        ):
            expected = golden()[f"paper_scores_{i}"]
            check_close(scores[name], expected, keras_format)

    def test_input_gradient(self):
        model = self.model()
        expected = golden()["paper_gradient"]
        pull = cotangent(golden()["paper_scores_0"].shape)
        pull = ops.convert_to_tensor(pull)
        weights = model.trainable_variables

        def function(tensors):
            x, values = tensors
            mapping = list(zip(weights, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return ops.sum(model(x, training=False)["merged"] * pull)

        values = [weight.value for weight in weights]
        _, (gradient, _) = backend.value_and_gradient(
            function, [deeplab_images(), values]
        )
        gradient = ops.convert_to_numpy(gradient)[:, ::3, ::3]
        away, norm = (
            np.linalg.norm(array.reshape(len(array), -1), axis=1)
            for array in (gradient - expected, expected)
        )
        # In float32, one of 7 million ReLUs may flip for one image.
        assert (away / norm).min() < 1e-5
        assert (away / norm).max() < 5e-2


def _paper_names():
    """Renames the layers of a list to our names."""
    own = {
        "classifier": "fc8",
        "hidden": "score_map2.0.0",
        "weights": "score_map2.2",
    }
    named = {}
    convolutions = [
        f"backbone.features{stage}.{i}.0"
        for stage, count in enumerate((2, 2, 3, 3, 3), start=1)
        for i in range(count)
    ]
    convolutions += ["backbone.fc6.0.0", "backbone.fc7.0"]
    found = list(arrays("paper_shapes").items())
    ours = [name for name in convolutions for _ in range(2)]
    backbone = [n for n, _ in found if n.startswith("backbone.")]
    names = dict(zip(backbone, ours, strict=True))
    for name, array in found:
        stem, kind = name.rpartition(".")[::2]
        named[f"{names.get(name) or own[stem]}.{kind}"] = array
    return named


@pytest.mark.once
def test_all_scales_share_all_weights():
    model = DeepLabASC()
    head = 9 * 3 * 1024 * 512 + 512 + 512 * 3 + 3
    assert model.count_params() == 20_483_904 + 1024 * 21 + 21 + head
    assert tuple(model.output.shape) == (None, 41, 41, 21)


@pytest.mark.once
class TestExtraSupervision:
    def test_outputs_are_those_without(self):
        with_extra = drawn(DeepLabASC, extra_supervision=True)
        without = drawn(DeepLabASC)
        x = noise(17, 25)
        np.testing.assert_allclose(
            with_extra.predict(x, verbose=0)["merged"],
            without.predict(x, verbose=0),
            rtol=0,
            atol=1e-6,
        )


@pytest.mark.once
class TestMerge:
    def test_attention_can_be_explained(self):
        options = {"classifier_activation": None, "extra_supervision": True}
        model = drawn(DeepLabASC, attention_filters=4, **options)
        x = noise(17, 25)
        weights = keras_attn.explain.attention_maps(model, x)["attention"]
        assert weights.shape == (2, 3, 4, 3)
        y = model.predict(x, verbose=0)
        merged = sum(
            weights[..., i : i + 1] * resize_images(y[name], (3, 4))
            for i, name in enumerate(("scale_1", "scale_0_75", "scale_0_5"))
        )
        np.testing.assert_allclose(y["merged"], merged, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("merge", ["average", "maximum"])
    def test_other_merges(self, merge):
        options = {"classifier_activation": None, "extra_supervision": True}
        model = drawn(DeepLabASC, merge=merge, **options)
        y = model.predict(noise(17, 25), verbose=0)
        size = y["merged"].shape[1:3]
        maps = [
            resize_images(y[name], size)
            for name in ("scale_1", "scale_0_75", "scale_0_5")
        ]
        expected = {"average": np.mean, "maximum": np.max}[merge](maps, axis=0)
        np.testing.assert_allclose(y["merged"], expected, rtol=0, atol=1e-5)


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"scales": 0.5}, "`scales` must be two or more"),
        ({"scales": (1,)}, "`scales` must be two or more"),
        ({"scales": (0.5, 1)}, "from the largest to the smallest"),
        ({"scales": (1, 1)}, "from the largest to the smallest"),
        ({"scales": (2, 1)}, r"numbers in \(0, 1\]"),
        ({"skips": "image"}, "`skips` must be some of"),
        ({"skips": ("stage5",)}, "`skips` must be some of"),
        ({"skips": ("image", "image")}, "each at most once"),
        ({"merge": "sum"}, "`merge` must be one of"),
        ({"form": "caffe"}, "`form` must be one of"),
        ({"attention_resolution": 8}, "`attention_resolution` must be one of"),
        ({"output_resolution": 8}, "`output_resolution` must be one of"),
        ({"attention_filters": 0}, "`attention_filters` must be a positive"),
        ({"classes": 0}, "`classes` must be a positive integer"),
        ({"weights": "imagenet"}, "`weights` must be None"),
    ],
)
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        DeepLabASC(filters=4, **kwargs)


@pytest.mark.once
@pytest.mark.parametrize("pooling", [None, "avg", "max"])
def test_without_top_has_the_features_of_each_scale(pooling):
    model = narrow(DeepLabASC)(
        include_top=False,
        input_shape=(17, 25, 3),
        pooling=pooling,
        scales=(1, 0.5),
    )
    shapes = {name: tuple(y.shape) for name, y in model.output.items()}
    if pooling is None:
        expected = {"scale_1": (None, 3, 4, 8), "scale_0_5": (None, 2, 2, 8)}
    else:
        expected = dict.fromkeys(("scale_1", "scale_0_5"), (None, 8))
    assert shapes == expected


@pytest.mark.once
def test_is_public():
    assert keras_attn.applications.DeepLabASC is DeepLabASC
    assert keras_attn.applications.deeplab is deeplab
