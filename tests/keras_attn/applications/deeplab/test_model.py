import functools

import keras
import numpy as np
import pytest
from keras import ops

import keras_attn
from keras_attn import backend
from keras_attn.applications import DeepLabASC, DeepLabLargeFOV, deeplab
from keras_attn.weights import load_torch, to_torch
from tests.cases import ASC, LARGEFOV
from tests.cases.models import narrow
from tests.cases.scales import resize_images
from tests.contracts import MODEL_CHECKS, check_matches_reference, contract
from tests.contracts.cases import draw_weights
from tests.contracts.devices import (
    FORMATS,
    format_error,
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

# `TestReference` does what one of the checks is for, at full size.
CHECKS = [c for c in MODEL_CHECKS if c is not check_matches_reference]
SIZE = (33, 41)


@contract([ASC, LARGEFOV], CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.fixture(params=FORMATS)
def data_format(request):
    reason = format_error(request.param)
    if reason is not None:
        pytest.skip(reason)
    keras.config.set_image_data_format(request.param)
    return request.param


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
    """Plain PyTorch with the same random weights."""

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

    def test_merges_at_the_size_of_the_image(self, data_format):
        model = self.reference(attention_resolution="input")
        images = to_format(deeplab_images(), data_format)
        scores = model.predict(images, verbose=0)
        check_close(scores, golden()["scores_0"], data_format)

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
        """Its lists are not registered, so that the rest is missing."""
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
    """The paper's form, against plain PyTorch of our own."""

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

    def test_scores_of_all_scales(self, data_format):
        model = self.model()
        images = to_format(deeplab_images(), data_format)
        scores = model.predict(images, verbose=0)
        for i, name in enumerate(
            ("merged", "scale_1", "scale_0_75", "scale_0_5")
        ):
            expected = golden()[f"paper_scores_{i}"]
            check_close(scores[name], expected, data_format)

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
        # In float32 a ReLU of one image may flip, of 7 million.
        assert (away / norm).min() < 1e-5
        assert (away / norm).max() < 5e-2


def _paper_names():
    """Names the layers of a list as ours are named."""
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
def test_counts_the_parameters_of_the_paper():
    model = DeepLabLargeFOV(include_top=False)
    assert model.count_params() == 20_483_904
    assert tuple(model.output.shape) == (None, 41, 41, 1024)
    ends = [model.get_layer(f"stage{i}").output.shape[1] for i in range(1, 6)]
    assert ends == [161, 81, 41, 41, 41]


@pytest.mark.once
def test_all_scales_share_all_weights():
    model = DeepLabASC()
    head = 9 * 3 * 1024 * 512 + 512 + 512 * 3 + 3
    assert model.count_params() == 20_483_904 + 1024 * 21 + 21 + head
    assert tuple(model.output.shape) == (None, 41, 41, 21)


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
def test_fc6_sees_twelve_places_far(function):
    """The recorded images are too small to tell."""
    layer = narrow(function)(input_shape=(None, None, 3)).get_layer("fc6")
    layer.set_weights([np.ones(w.shape) for w in layer.get_weights()])
    point = np.zeros((1, 25, 25, 6), "float32")
    point[0, 12, 12] = 1
    seen = ops.convert_to_numpy(layer(point))[0, ..., 0] > 1
    places = np.zeros(25, bool)
    places[[0, 12, 24]] = True
    np.testing.assert_array_equal(seen, np.outer(places, places))


def drawn(function, **kwargs):
    model = narrow(function)(**{"input_shape": (None, None, 3)} | kwargs)
    draw_weights(model, np.random.default_rng(0))
    return model


def images(*size, batch=2):
    random = np.random.default_rng(1)
    return random.normal(size=(batch, *size, 3)).astype("float32")


class TestSizes:
    """Height and width may be known at run time only."""

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
            y = unknown.predict(images(*size), verbose=0)
            small = tuple((side - 1) // 8 + 1 for side in size)
            expected = size if resolution == "input" else small
            assert y.shape == (2, *expected, 3)
        known = drawn(function, input_shape=(*size, 3), **options)
        np.testing.assert_allclose(
            y, known.predict(images(*size), verbose=0), rtol=0, atol=1e-6
        )

    @pytest.mark.once
    def test_scores_are_upsampled_before_the_activation(self):
        small = drawn(DeepLabASC, classifier_activation=None)
        large = drawn(DeepLabASC, output_resolution="input")
        x = images(25, 33)
        scores = resize_images(small.predict(x, verbose=0), (25, 33))
        expected = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        y = large.predict(x, verbose=0)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)

    @pytest.mark.once
    def test_the_reference_form_needs_a_known_size(self):
        with pytest.raises(ValueError, match="needs a known height and width"):
            narrow(DeepLabASC)(input_shape=(None, None, 3), form="reference")


@pytest.mark.once
def test_a_seed_is_that_of_all_dropout():
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
    # Whatever was drawn before.
    keras.utils.set_random_seed(7)
    x = images(17, 17)
    first = [ops.convert_to_numpy(model(x, training=True)) for _ in range(2)]
    second = [ops.convert_to_numpy(again(x, training=True)) for _ in range(2)]
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    assert np.abs(first[0] - first[1]).max() > 1e-4


@pytest.mark.once
class TestExtraSupervision:
    def test_one_loss_trains_all_outputs(self):
        keras.utils.set_random_seed(0)
        model = narrow(DeepLabASC)(
            input_shape=(25, 33, 3),
            scales=(1, 0.5),
            attention_filters=4,
            extra_supervision=True,
            classifier_activation=None,
        )
        names = ["merged", "scale_1", "scale_0_5"]
        assert sorted(model.output) == sorted(names)
        model.compile(
            deeplab.SGD(),
            deeplab.SegmentationCrossentropy(from_logits=True),
            metrics={"merged": [deeplab.MeanIoU(3)]},
        )
        masks = np.random.default_rng(0).integers(0, 3, (2, 25, 33))
        labels = dict.fromkeys(model.output, masks.astype("uint8"))
        logs = model.fit(images(25, 33), labels, verbose=0).history
        parts = [logs[f"{name}_loss"][0] for name in names]
        np.testing.assert_allclose(logs["loss"][0], sum(parts), rtol=1e-5)
        assert all(0.9 < part < 1.3 for part in parts)
        assert 0 <= logs["merged_mean_iou"][0] <= 1

    def test_outputs_are_those_without(self):
        with_extra = drawn(DeepLabASC, extra_supervision=True)
        without = drawn(DeepLabASC)
        x = images(17, 25)
        np.testing.assert_allclose(
            with_extra.predict(x, verbose=0)["merged"],
            without.predict(x, verbose=0),
            rtol=0,
            atol=1e-6,
        )


@pytest.mark.once
class TestMerge:
    def test_attention_can_be_seen(self):
        options = {"classifier_activation": None, "extra_supervision": True}
        model = drawn(DeepLabASC, attention_filters=4, **options)
        x = images(17, 25)
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
        y = model.predict(images(17, 25), verbose=0)
        size = y["merged"].shape[1:3]
        maps = [
            resize_images(y[name], size)
            for name in ("scale_1", "scale_0_75", "scale_0_5")
        ]
        expected = {"average": np.mean, "maximum": np.max}[merge](maps, axis=0)
        np.testing.assert_allclose(y["merged"], expected, rtol=0, atol=1e-5)


SKIPS = ("image", "stage1", "stage2", "stage3", "stage4")


@pytest.mark.once
class TestSkips:
    """DeepLab-MSc-LargeFOV."""

    def test_join_fc7(self):
        options = {"include_top": False, "average_pooling": False}
        model = drawn(DeepLabLargeFOV, skips=SKIPS, **options)
        x = images(25, 33)
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
        # Each eighth pixel of the image, with the eight around it.
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
        assert model.predict(images(17, 25), verbose=0).shape == (2, 3, 4, 3)
        kernel = model.get_layer("attention").hidden.kernel
        assert kernel.shape[2] == 3 * (8 + 2 * 128)

    def test_have_names_in_pytorch(self):
        model = DeepLabASC(filters=8, attention_filters=4, skips=("stage2",))
        names = to_torch(model)
        assert names["backbone.skip_stage2.0.weight"].shape == (128, 128, 3, 3)
        assert load_torch(model, names).missing == ()

    def test_of_known_and_other_size(self):
        for size in ((17, 25), (24, 40), (30, 9)):
            model = drawn(DeepLabLargeFOV, input_shape=(*size, 3), skips=SKIPS)
            assert model.predict(images(*size), verbose=0).shape[0] == 2


def vgg16(random):
    """A VGG16 with torchvision's names and shapes."""
    arrays, index, channels = {}, 0, 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            shape = (filters, channels, 3, 3)
            arrays[f"features.{index}.weight"] = random.normal(size=shape)
            arrays[f"features.{index}.bias"] = random.normal(size=filters)
            channels, index = filters, index + 2
        index += 1
    return arrays


@pytest.mark.once
class TestVGG16:
    """Checkpoints of other networks, whose linear layers are larger."""

    @pytest.fixture
    def checkpoint(self):
        random = np.random.default_rng(0)
        arrays = vgg16(random)
        # Numbers that tell where they come from, in a matrix of 400 MB.
        fc6 = np.arange(4096, dtype="float32")[:, None] + np.arange(
            25088, dtype="float32"
        ) / np.float32(65536)
        arrays["classifier.0.weight"] = fc6
        arrays["classifier.0.bias"] = np.arange(4096.0)
        arrays["classifier.3.weight"] = (
            np.arange(4096.0, dtype="float32")[:, None] * 4096
            + np.arange(4096, dtype="float32")
        ) / np.float32(4096)
        arrays["classifier.3.bias"] = -np.arange(4096.0)
        arrays["classifier.6.weight"] = np.zeros((1000, 4096), "float32")
        arrays["classifier.6.bias"] = np.zeros(1000, "float32")
        return arrays

    def test_every_fourth_unit_and_every_third_pixel(self, checkpoint):
        model = DeepLabLargeFOV(include_top=False, filters=64)
        report = load_torch(model, checkpoint)
        assert sorted(report.ignored) == [
            "classifier.6.bias",
            "classifier.6.weight",
        ]
        fc6, fc7 = model.get_layer("fc6"), model.get_layer("fc7")
        kernel = ops.convert_to_numpy(fc6.kernel)
        # Of 4096 units each 64th here; pixel (row, column) of 7 x 7.
        for row, column, channel, unit in ((0, 0, 0, 0), (2, 1, 5, 3)):
            source = channel * 49 + 3 * row * 7 + 3 * column
            expected = 64 * unit + source / 65536
            assert kernel[row, column, channel, unit] == np.float32(expected)
        np.testing.assert_array_equal(
            ops.convert_to_numpy(fc6.bias), np.arange(0, 4096, 64)
        )
        kernel = ops.convert_to_numpy(fc7.kernel)
        assert kernel.shape == (1, 1, 64, 64)
        assert kernel[0, 0, 3, 2] == np.float32(2 * 64 + 3 * 64 / 4096)
        name = "stage3_conv2"
        np.testing.assert_array_equal(
            ops.convert_to_numpy(model.get_layer(name).kernel),
            checkpoint["features.12.weight"]
            .transpose(2, 3, 1, 0)
            .astype("float32"),
        )

    def test_caffe_has_other_names_and_a_convolution(self, checkpoint):
        numbers = iter(
            f"conv{stage}_{i}"
            for stage, count in enumerate((2, 2, 3, 3, 3), start=1)
            for i in range(1, count + 1)
        )
        caffe = {}
        for name, array in checkpoint.items():
            stem, kind = name.rpartition(".")[::2]
            if stem.startswith("features") and kind == "weight":
                current = next(numbers)
            if stem.startswith("features"):
                caffe[f"{current}.{kind}"] = array
        linear = {"fc6": 0, "fc7": 3, "fc8": 6}
        for name, index in linear.items():
            for kind in ("weight", "bias"):
                caffe[f"{name}.{kind}"] = checkpoint[
                    f"classifier.{index}.{kind}"
                ]
        caffe["fc6.weight"] = caffe["fc6.weight"].reshape(4096, 512, 7, 7)
        first = DeepLabLargeFOV(include_top=False, filters=64)
        second = DeepLabLargeFOV(include_top=False, filters=64)
        load_torch(first, checkpoint)
        load_torch(second, caffe)
        for one, other in zip(
            first.get_weights(), second.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)

    def test_the_classifier_is_missing_and_said_so(self, checkpoint):
        model = DeepLabLargeFOV(filters=64, classes=5)
        before = model.get_weights()
        with pytest.raises(ValueError, match="missing: 'fc8_voc12.weight'"):
            load_torch(model, checkpoint)
        for one, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        report = load_torch(model, checkpoint, strict=False)
        assert report.missing == ("fc8_voc12.weight", "fc8_voc12.bias")

    @pytest.mark.parametrize("function", [DeepLabLargeFOV, DeepLabASC])
    def test_without_top_a_head_is_left_out(self, function):
        kwargs = {"filters": 8, "form": "reference", "input_shape": (33, 33, 3)}
        if function is DeepLabASC:
            kwargs["attention_filters"] = 8
        whole = function(**kwargs)
        kwargs.pop("attention_filters", None)
        body = function(**kwargs, include_top=False)
        report = load_torch(body, to_torch(whole))
        heads = {"fc8", "score_map1", "score_map2"}
        assert report.ignored
        assert {name.split(".")[0] for name in report.ignored} <= heads

    def test_what_has_been_left_out_before(self):
        model = DeepLabLargeFOV(include_top=False, filters=8)
        caffe = {}
        for stage, count in enumerate((2, 2, 3, 3, 3), start=1):
            for i in range(1, count + 1):
                layer = model.get_layer(f"stage{stage}_conv{i}")
                for kind, array in to_torch(layer).items():
                    caffe[f"conv{stage}_{i}.{kind}"] = array
        for name in ("fc6", "fc7"):
            for kind, array in to_torch(model.get_layer(name)).items():
                caffe[f"{name}.{kind}"] = array
        other = DeepLabLargeFOV(include_top=False, filters=8)
        load_torch(other, caffe)
        for one, two in zip(
            model.get_weights(), other.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, two)


class TestPreprocessInput:
    def test_by_hand(self, data_format):
        x = np.zeros((1, 2, 2, 3), "uint8")
        x[..., 0], x[..., 2] = 200, 10
        x = to_format(x, data_format)
        y = from_format(deeplab.preprocess_input(x), data_format)
        expected = [10 - 103.939, -116.779, 200 - 123.68]
        np.testing.assert_allclose(y[0, 1, 1], expected, rtol=1e-5)
        y = deeplab.preprocess_input(x, mode="torch")
        y = from_format(y, data_format)
        expected = [
            (200 / 255 - 0.485) / 0.229,
            -0.456 / 0.224,
            (10 / 255 - 0.406) / 0.225,
        ]
        np.testing.assert_allclose(y[0, 1, 1], expected, rtol=1e-5)

    @pytest.mark.parametrize("mode", ["caffe", "torch"])
    def test_leaves_what_it_is_given(self, mode):
        x = np.full((1, 2, 2, 3), 7, "float32")
        deeplab.preprocess_input(x, "channels_last", mode)
        np.testing.assert_array_equal(x, 7)

    def test_refuses(self):
        with pytest.raises(ValueError, match="`mode` must be one of"):
            deeplab.preprocess_input(np.zeros((1, 2, 2, 3)), mode="tf")
        with pytest.raises(ValueError, match="must be RGB images"):
            deeplab.preprocess_input(np.zeros((1, 2, 2, 1)), "channels_last")


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
        ({"skips": ("image", "image")}, "each once"),
        ({"merge": "sum"}, "`merge` must be one of"),
        ({"form": "caffe"}, "`form` must be one of"),
        ({"attention_resolution": 8}, "`attention_resolution` must be one of"),
        ({"output_resolution": 8}, "`output_resolution` must be one of"),
        ({"attention_filters": 0}, "`filters` must be a positive integer"),
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
