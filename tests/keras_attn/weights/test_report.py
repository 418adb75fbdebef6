import keras
import pytest

from keras_attn.weights import load_torch, to_torch
from tests.keras_attn.weights.fitting import FITTING, built, dense


class TestReport:
    @pytest.fixture
    def report(self):
        layer = built(keras.layers.BatchNormalization(name="norm"), 3)
        arrays = to_torch(layer)
        del arrays["bias"]
        return load_torch(layer, {**arrays, "odd": [1]}, strict=False)

    def test_says_where_each_array_went(self, report):
        first = report.entries[0]
        assert first.source == "weight"
        assert first.target == "norm/gamma"
        assert first.torch_shape == first.keras_shape == (3,)
        assert first.layout == "same"
        assert [entry.target for entry in report.entries[1:]] == [
            "norm/moving_mean",
            "norm/moving_variance",
        ]

    def test_lists_unused_names(self, report):
        assert report.ignored == ("num_batches_tracked",)
        assert report.missing == ("bias",)
        assert report.unexpected == ("odd",)

    def test_prints_a_table(self, report):
        assert str(report).splitlines() == [
            "source        target                PyTorch  Keras  layout",
            "weight        norm/gamma            (3,)     (3,)   same",
            "running_mean  norm/moving_mean      (3,)     (3,)   same",
            "running_var   norm/moving_variance  (3,)     (3,)   same",
            "ignored: num_batches_tracked",
            "missing: bias",
            "unexpected: odd",
        ]

    def test_says_none_if_there_are_none(self):
        lines = str(load_torch(dense(), FITTING)).splitlines()
        assert lines[1].split("  ")[-1] == "linear"
        assert lines[-3:] == [
            "ignored: none",
            "missing: none",
            "unexpected: none",
        ]

    def test_cannot_be_changed(self, report):
        with pytest.raises(AttributeError):
            report.missing = ()
