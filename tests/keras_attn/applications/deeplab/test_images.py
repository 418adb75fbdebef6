import numpy as np
import pytest

from keras_attn.applications import deeplab
from tests.contracts.devices import (
    from_format,
    to_format,
)


class TestPreprocessInput:
    def test_by_hand(self, keras_format):
        x = np.zeros((1, 2, 2, 3), "uint8")
        x[..., 0], x[..., 2] = 200, 10
        x = to_format(x, keras_format)
        y = from_format(deeplab.preprocess_input(x), keras_format)
        expected = [10 - 103.939, -116.779, 200 - 123.68]
        np.testing.assert_allclose(y[0, 1, 1], expected, rtol=1e-5)
        y = deeplab.preprocess_input(x, mode="torch")
        y = from_format(y, keras_format)
        expected = [
            (200 / 255 - 0.485) / 0.229,
            -0.456 / 0.224,
            (10 / 255 - 0.406) / 0.225,
        ]
        np.testing.assert_allclose(y[0, 1, 1], expected, rtol=1e-5)

    @pytest.mark.parametrize("mode", ["caffe", "torch"])
    def test_does_not_change_its_input(self, mode):
        x = np.full((1, 2, 2, 3), 7, "float32")
        deeplab.preprocess_input(x, "channels_last", mode)
        np.testing.assert_array_equal(x, 7)

    def test_refuses(self):
        with pytest.raises(ValueError, match="`mode` must be one of"):
            deeplab.preprocess_input(np.zeros((1, 2, 2, 3)), mode="tf")
        with pytest.raises(ValueError, match="three channels at axis -1"):
            deeplab.preprocess_input(np.zeros((1, 2, 2, 1)), "channels_last")
