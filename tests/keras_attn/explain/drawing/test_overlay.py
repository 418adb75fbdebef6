import sys

import numpy as np
import pytest

from keras_attn.explain.drawing.colormap import colorize
from keras_attn.explain.drawing.overlay import overlay, resized, to_rgb

pytestmark = pytest.mark.once

# At 0 and 1 the colours are (6, 10, 66) and (255, 155, 125).
HEATMAP = np.array([[0.0, 1.0]])


class TestOverlay:
    def test_mixes_by_its_formula(self):
        image = np.array([[[100, 200, 0], [0, 50, 255]]], "uint8")
        # 0.75 * 100 + 0.25 * 6 = 76.5 is rounded to the even number.
        expected = [[[76, 152, 16], [64, 76, 222]]]
        found = overlay(image, HEATMAP, alpha=0.25)
        assert found.tolist() == expected and found.dtype == "uint8"

    def test_takes_half_of_each_by_default(self):
        image = np.array([[[100, 200, 0], [1, 51, 255]]], "uint8")
        expected = [[[53, 105, 33], [128, 103, 190]]]
        assert overlay(image, HEATMAP).tolist() == expected

    def test_is_the_image_where_alpha_is_0(self):
        image = np.arange(256, dtype="uint8").reshape(16, 16)
        found = overlay(image, np.ones((16, 16)), 0)
        assert (found == image[..., None]).all()

    def test_is_the_colors_where_alpha_is_1(self):
        heatmap = np.linspace(0, 1, 256).reshape(16, 16)
        found = overlay(np.full((16, 16), 99), heatmap, 1)
        assert (found == colorize(heatmap)).all()

    def test_leaves_its_inputs(self):
        image, heatmap = np.ones((2, 2, 3)), np.ones((2, 2))
        overlay(image, heatmap)
        assert (image == 1).all() and (heatmap == 1).all()

    @pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
    def test_refuses_shares_outside_of_0_to_1(self, alpha):
        with pytest.raises(ValueError, match=f"alpha.*Received: alpha={alpha}"):
            overlay(np.zeros((1, 2)), HEATMAP, alpha)

    def test_rejects_an_invalid_heat_map(self):
        with pytest.raises(ValueError, match="without NaN. Received: values"):
            overlay(np.zeros((1, 2)), HEATMAP * np.nan)
        with pytest.raises(ValueError, match=r"single map.*shape=\(1, 1, 2\)"):
            overlay(np.zeros((1, 2)), HEATMAP[None])


class TestImage:
    @pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1), (2, 2, 3)])
    @pytest.mark.parametrize(
        ("dtype", "top"),
        [
            ("uint8", 255),
            ("int64", 255),
            ("float16", 1),
            ("float64", 1),
            ("bfloat16", 1),
            ("bool", 1),
        ],
    )
    def test_takes_grey_and_color_of_each_dtype(self, shape, dtype, top):
        image = np.zeros(shape)
        image[0, 0] = top
        found = to_rgb(image.astype(dtype))
        assert found.shape == (2, 2, 3) and found.dtype == "float64"
        assert found[0, 0].tolist() == [255, 255, 255]
        assert found[0, 1:].max() == found[1].max() == 0

    def test_takes_the_same_numbers_as_integers_and_floats(self):
        image = np.arange(256, dtype="uint8").reshape(16, 16)
        floats = image.astype("float32") / 255
        heatmap = np.zeros((16, 16))
        found = overlay(floats, heatmap, 0)
        assert (found == overlay(image, heatmap, 0)).all()

    @pytest.mark.parametrize(
        "shape", [(4,), (1, 4, 4, 3), (3, 4, 4), (4, 4, 2), (4, 4, 4), (0, 4)]
    )
    def test_takes_one_image_only(self, shape):
        with pytest.raises(ValueError, match="single image.*Rec.*once per"):
            overlay(np.zeros(shape), np.zeros((4, 4)))

    @pytest.mark.parametrize("value", [1j, "a", None])
    def test_takes_numbers_only(self, value):
        with pytest.raises(ValueError, match="real numbers. Received: "):
            to_rgb(np.array([[value]]))

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ([0.0, 255.0], r"floats .*\[0, 1\].*from 0.0 to 255.0. Pass"),
            ([-1.0, 1.0], r"floats .*\[0, 1\].*from -1.0 to 1.0. Pass"),
            ([0.0, np.nan], r"floats .*without NaN.*from nan to nan. Pass"),
            ([-1, 3], r"integers .*\[0, 255\].*from -1 to 3. Pass"),
            ([0, 256], r"integers .*\[0, 255\].*from 0 to 256. Pass"),
        ],
    )
    def test_refuses_other_ranges(self, values, message):
        with pytest.raises(ValueError, match=message):
            to_rgb([values])


class TestResized:
    def test_does_not_need_pillow_for_the_same_size(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "PIL", None)
        assert resized(HEATMAP, (1, 2)).tolist() == [[0, 1]]

    def test_interpolates_linearly_between_the_centers(self):
        found = resized(HEATMAP, (2, 4))
        # Centres of the new pixels in old pixels: -0.25, 0.25, 0.75, 1.25.
        np.testing.assert_allclose(found, [[0, 0.25, 0.75, 1]] * 2, atol=1e-6)

    def test_stays_in_range(self):
        heatmap = np.random.default_rng(0).integers(0, 2, (7, 7))
        found = resized(heatmap, (224, 200))
        assert found.shape == (224, 200)
        assert found.min() == 0 and found.max() == 1

    def test_overlay_resizes_to_the_image(self):
        found = overlay(np.zeros((2, 4)), HEATMAP, 1)
        assert (found == colorize([[0, 0.25, 0.75, 1]] * 2)).all()

    def test_says_what_is_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "PIL", None)
        message = (
            r"\(1, 2\) for an image of \(2, 4\).*pip install -e \"\.\[images"
        )
        with pytest.raises(ImportError, match=message):
            overlay(np.zeros((2, 4)), HEATMAP)
