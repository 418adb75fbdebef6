import numpy as np
import pytest
from PIL import Image

from applications.feature_visualization import filters


def kernel_of(*pictures):
    """Stacks filters `(height, width, channels)` into a Keras kernel."""
    return np.stack(np.array(pictures, "float32"), axis=-1)


def drawn(path):
    """Returns the pixels of a drawing, and the pixels per inch."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")), 200


def pixel_of(path, row, column, share_down, share_right, left=0.0):
    """Returns the colour at a place in a filter, below a title of two
    lines."""
    pixels, dpi = drawn(path)
    head = 2 * filters.LINE + filters.GAP
    pitch = filters.SIDE + filters.GAP
    y = head + row * (pitch + filters.NUMBER) + share_down * filters.SIDE
    x = left + filters.GAP + column * pitch + share_right * filters.SIDE
    return pixels[round(y * dpi), round(x * dpi)].tolist()


class TestRMS:
    def test_is_the_root_of_the_mean_square_of_each_filter(self):
        kernel = kernel_of([[[3.0], [4.0]]], [[[0.0], [-2.0]]])
        found = filters.rms(kernel)
        np.testing.assert_allclose(found, [12.5**0.5, 2**0.5])

    def test_goes_over_the_channels_too(self):
        kernel = np.zeros((1, 1, 3, 1))
        kernel[0, 0, :, 0] = 1, 2, 2
        np.testing.assert_allclose(filters.rms(kernel), [3**0.5])


class TestScaled:
    def test_each_filter_has_the_whole_range(self):
        kernel = kernel_of([[[-1.0], [1.0]]], [[[0.0], [1e-6]]])
        found = filters.scaled(kernel)
        assert found.shape == (2, 1, 2, 3) and found.dtype == "uint8"
        for picture in found:
            assert picture.tolist() == [[[0] * 3, [255] * 3]]

    def test_what_lies_between_stays_in_proportion(self):
        kernel = kernel_of([[[-2.0], [-1.0], [2.0], [3.0]]])
        found = filters.scaled(kernel)[0, 0, :, 0]
        assert found.tolist() == [0, 51, 204, 255]

    def test_colours_share_a_range(self):
        found = filters.scaled(kernel_of([[[-1.0, 0.0, 4.0]]]))
        assert found.tolist() == [[[[0, 51, 255]]]]

    def test_equal_weights_are_grey(self):
        found = filters.scaled(kernel_of([[[5.0]]], [[[0.0]]]))
        assert found.ravel().tolist() == [128] * 6


class TestDrawFilters:
    def test_pixels_are_those_of_the_filters(self, tmp_path):
        corners = [[[0.0], [1.0]], [[2.0], [5.0]]]
        upside = corners[::-1]
        # Three columns.
        kernel = kernel_of(corners, corners, corners, upside)
        path = tmp_path / "new" / "filters.png"
        filters.draw_filters(kernel, path)
        for place, expected in (
            ((0, 0), (0, 51, 102, 255)),
            ((0, 2), (0, 51, 102, 255)),
            ((1, 0), (102, 255, 0, 51)),
        ):
            for share, value in zip(
                ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)),
                expected,
                strict=True,
            ):
                assert pixel_of(path, *place, *share) == [value] * 3
        # The place of a fifth filter is empty.
        assert pixel_of(path, 1, 1, 0.5, 0.5) == [255] * 3

    def test_colours(self, tmp_path):
        path = tmp_path / "filters.png"
        filters.draw_filters(kernel_of([[[0.0, 2.0, 5.0]]]), path)
        assert pixel_of(path, 0, 0, 0.5, 0.5) == [0, 102, 255]

    def test_another_kernel_is_drawn_to_the_right(self, tmp_path):
        dark, light = [[[0.0], [1.0]]], [[[1.0], [0.0]]]
        alone, both = tmp_path / "alone.png", tmp_path / "both.png"
        filters.draw_filters(kernel_of(dark), alone)
        filters.draw_filters(
            kernel_of(dark), both, "first", {"second": kernel_of(light)}
        )
        assert drawn(both)[0].shape[0] == drawn(alone)[0].shape[0]
        left = filters.LEAST + filters.BETWEEN
        width = drawn(both)[0].shape[1] - drawn(alone)[0].shape[1]
        assert abs(width - 200 * left) <= 1
        assert pixel_of(both, 0, 0, 0.5, 0.25) == [0] * 3
        assert pixel_of(both, 0, 0, 0.5, 0.25, left) == [255] * 3

    def test_titles_and_numbers(self, tmp_path):
        path = tmp_path / "filters.svg"
        kernel = kernel_of([[[3.0], [4.0]]], [[[0.01], [0.01]]])
        filters.draw_filters(kernel, path, "no limit", {"$10": kernel[..., 1:]})
        # Letters are drawn as shapes, with the text in a comment.
        found = path.read_text()
        for text in ("no limit", "$10", "3.5", "0.01"):
            assert f"<!-- {text} -->" in found
        assert "RMS 0.01 to 3.5, median 1.8" in found
        assert "RMS 0.01 to 0.01" in found

    def test_a_long_title_stays_above_its_filters(self, tmp_path):
        kernel = kernel_of([[[0.0], [1.0]]])
        path = tmp_path / "filters.png"
        short, long = [], []
        for title, found in (("a", short), ("wordy " * 30, long)):
            filters.draw_filters(kernel, path, title, {"b": kernel})
            pixels, dpi = drawn(path)
            # Between the two.
            x = round((filters.GAP + filters.LEAST) * dpi)
            found.append(pixels.shape)
            assert (pixels[:, x : x + 70] == 255).all()
        assert long[0][0] > short[0][0] and long[0][1] == short[0][1]

    def test_is_the_same_each_time(self, tmp_path):
        kernel = np.random.default_rng(0).normal(size=(5, 5, 1, 7))
        paths = [tmp_path / "a.png", tmp_path / "b.png"]
        for path in paths:
            filters.draw_filters(kernel, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()

    @pytest.mark.parametrize(
        "kernel",
        [
            np.zeros((3, 3, 1)),
            np.zeros((3, 3, 2, 4)),
            np.zeros((3, 3, 1, 0)),
            np.full((3, 3, 1, 1), np.nan),
            np.zeros((3, 3, 1, 1), "complex64"),
        ],
    )
    def test_other_kernels_are_refused(self, tmp_path, kernel):
        for beside in (None, {"other": kernel}):
            first = kernel if beside is None else np.ones((3, 3, 1, 1))
            with pytest.raises(ValueError, match="a kernel must be .*Received"):
                filters.draw_filters(first, tmp_path / "a.png", "", beside)
        assert not list(tmp_path.iterdir())
