import numpy as np
import pytest
from keras import ops

from keras_attn.applications import DeepLabASC, DeepLabLargeFOV
from keras_attn.weights import load_torch, to_torch


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
        # Numbers that identify their position, in a matrix of 400 MB.
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
        # Every 64th of 4096 units, and pixel (row, column) of 7 x 7.
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

    def test_a_missing_classifier_is_reported(self, checkpoint):
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

    def test_weights_that_are_already_subsampled(self):
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
