import numpy as np
import pytest

from keras_attn.explain.drawing.colormap import (
    COLORS,
    checked_heatmap,
    colorize,
)

pytestmark = pytest.mark.once


def lightness(rgb):
    """Returns CIE L* in [0, 100] of sRGB colours in [0, 255]."""
    c = np.asarray(rgb) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


class TestColors:
    def test_lightness_is_that_of_known_colors(self):
        found = lightness([(0, 0, 0), (255, 255, 255), (255, 0, 0)])
        np.testing.assert_allclose(found, [0, 100, 53.24], atol=0.01)

    def test_each_of_256_steps_is_lighter(self):
        colors = colorize(np.linspace(0, 1, 256)[None])[0]
        assert np.diff(lightness(colors)).min() > 0

    def test_the_range_of_lightness_is_wide(self):
        low, high = lightness(COLORS[[0, -1]])
        assert low < 10 and high > 70

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, [6, 10, 66]),
            (1, [255, 155, 125]),
            (0.5, [19, 129, 96]),
            # Between the first two colours.
            (1 / 16, [9, 21, 100]),
            (0.025, [7, 14, 80]),
        ],
    )
    def test_interpolates_linearly(self, value, expected):
        assert colorize([[value]]).tolist() == [[expected]]

    def test_goes_from_blue_over_green_and_yellow_to_red(self):
        blue, green, yellow, red = colorize([[0.2, 0.5, 0.75, 1]])[0].tolist()
        assert blue.index(max(blue)) == 2
        assert green.index(max(green)) == 1
        assert min(yellow[:2]) > 140 and yellow[2] < 40
        assert red[0] == 255 and max(red[1:]) < 160


class TestColorize:
    def test_returns_an_image_of_uint8(self):
        found = colorize(np.zeros((2, 3), "float16"))
        assert found.shape == (2, 3, 3) and found.dtype == "uint8"

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "bool", "int32"])
    def test_takes_real_numbers(self, dtype):
        found = colorize(np.array([[0, 1]]).astype(dtype))
        assert found[0].tolist() == [[6, 10, 66], [255, 155, 125]]

    def test_leaves_its_input(self):
        heatmap = np.full((2, 2), 0.5)
        checked_heatmap(heatmap)[:] = 1
        assert (heatmap == 0.5).all()

    @pytest.mark.parametrize("shape", [(3,), (2, 3, 3), (2, 3, 3, 1), (0, 3)])
    def test_takes_one_map_only(self, shape):
        with pytest.raises(ValueError, match=r"single map.*shape=\(.*per map"):
            colorize(np.zeros(shape))

    @pytest.mark.parametrize("value", [1j, "a", None])
    def test_takes_numbers_only(self, value):
        with pytest.raises(ValueError, match="real numbers. Received: "):
            colorize(np.array([[value]]))

    @pytest.mark.parametrize(
        ("values", "received"),
        [
            ([0.0, 1.5], "from 0.0 to 1.5"),
            ([-0.5, 1.0], "from -0.5 to 1.0"),
            ([0, 255], "from 0.0 to 255.0"),
            ([0.5, np.nan], "from nan to nan"),
            ([0.5, np.inf], "from 0.5 to inf"),
        ],
    )
    def test_refuses_other_ranges(self, values, received):
        with pytest.raises(ValueError, match=rf"\[0, 1\].*{received}. Subtr"):
            colorize([values])
