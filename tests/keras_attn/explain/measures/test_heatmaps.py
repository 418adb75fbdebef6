import numpy as np
import pytest

from keras_attn.explain.measures.heatmaps import checked_heatmaps

pytestmark = pytest.mark.once


class TestHeatmaps:
    @pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5, 1), (0, 4, 5), ()])
    def test_are_a_batch(self, shape):
        with pytest.raises(ValueError, match="batch of maps.*Received: shape"):
            checked_heatmaps(np.zeros(shape))

    @pytest.mark.parametrize("value", [1j, "a", None])
    def test_are_of_numbers(self, value):
        with pytest.raises(ValueError, match="real numbers. Received: "):
            checked_heatmaps([[[value]]])

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ([0.0, 1.5], "from 0.0 to 1.5"),
            ([-0.5, 1.0], "from -0.5 to 1.0"),
            ([0.0, np.nan], "from nan to nan"),
            ([0, 255], "from 0.0 to 255.0"),
        ],
    )
    def test_are_from_0_to_1(self, values, message):
        with pytest.raises(ValueError, match=rf"in \[0, 1\].*{message}. For"):
            checked_heatmaps([[values]])

    @pytest.mark.parametrize(
        "dtype", ["bool", "uint8", "float16", "bfloat16", "float64"]
    )
    def test_are_of_any_dtype(self, dtype):
        maps = checked_heatmaps(np.eye(2)[None].astype(dtype))
        assert maps.dtype == "float32" and (maps == np.eye(2)).all()
