import os
import sys

import numpy as np
import pytest

from keras_attn.explain.drawing.colormap import colorize
from keras_attn.explain.drawing.overlay import overlay
from keras_attn.explain.drawing.plot import plot

pytestmark = pytest.mark.once

pytest.importorskip("matplotlib", reason="draws figures")

IMAGES = np.full((2, 8, 12, 3), 200, "uint8")
HEATMAPS = np.stack([np.zeros((8, 12)), np.ones((8, 12))])


def panels(figure):
    """Returns the drawn panels by row."""
    drawn = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    columns = len({axes.get_position(True).x0 for axes in figure.axes})
    return [drawn[i : i + columns] for i in range(0, len(drawn), columns)]


def texts(figure):
    return [text.get_text() for text in figure.texts]


def boxes(figure):
    """Returns the boxes of all panels and texts, in pixels."""
    figure.draw_without_rendering()
    return [each.get_window_extent() for each in figure.axes + figure.texts]


class TestPanels:
    def test_are_image_map_and_overlay(self):
        first, second = panels(plot(IMAGES, HEATMAPS, alpha=0.25))
        for row, heatmap in ((first, HEATMAPS[0]), (second, HEATMAPS[1])):
            assert (row[0] == 200).all()
            assert (row[1] == colorize(heatmap)).all()
            assert (row[2] == overlay(IMAGES[0], heatmap, 0.25)).all()

    def test_are_the_image_and_an_overlay_by_each_method(self):
        methods = {"CAM": HEATMAPS, "Grad-CAM": HEATMAPS[::-1]}
        figure = plot(IMAGES, methods)
        assert texts(figure)[:3] == ["image", "CAM", "Grad-CAM"]
        first, second = panels(figure)
        assert (first[1] == overlay(IMAGES[0], HEATMAPS[0])).all()
        assert (first[2] == overlay(IMAGES[0], HEATMAPS[1])).all()
        assert (second[2] == first[1]).all()

    def test_take_images_of_different_sizes(self):
        images = [np.zeros((10, 20)), np.ones((30, 5, 1)), IMAGES[0]]
        maps = [np.ones((10, 20)), np.ones((3, 5)), np.ones((4, 4))]
        rows = panels(plot(images, maps))
        assert [{panel.shape for panel in row} for row in rows] == [
            {(10, 20, 3)},
            {(30, 5, 3)},
            {(8, 12, 3)},
        ]

    def test_have_the_shape_of_the_image(self):
        box = plot(IMAGES, HEATMAPS).axes[0].get_window_extent()
        assert box.width / box.height == pytest.approx(12 / 8)


class TestTexts:
    def test_are_names_of_columns_then_titles(self):
        figure = plot(IMAGES, HEATMAPS, ["bull mastiff 0.997", "$1 and $2"])
        assert texts(figure) == [
            "image",
            "heatmap",
            "overlay",
            "bull mastiff 0.997",
            "$1 and $2",
        ]

    @pytest.mark.parametrize("titles", [None, ["a", "b"], ["a word " * 40, ""]])
    def test_neither_overlap_nor_leave_the_figure(self, titles):
        methods = {"CAM": HEATMAPS, "a method of a long name " * 3: HEATMAPS}
        figure = plot(IMAGES, methods, titles)
        found = [box for box in boxes(figure) if box.width]
        for i, box in enumerate(found):
            assert box.x0 >= 0 and box.x1 <= figure.bbox.width
            assert box.y0 >= 0 and box.y1 <= figure.bbox.height
            assert not any(box.overlaps(other) for other in found[:i])

    def test_lie_below_their_rows(self):
        figure = plot(IMAGES, HEATMAPS, ["first", "second"])
        found = boxes(figure)
        first, second = found[-2:]
        assert found[3].y1 < first.y0 < first.y1 < found[0].y0
        assert second.y1 < found[3].y0


class TestFile:
    def test_shows_the_colors_of_the_overlay(self, tmp_path):
        image = pytest.importorskip("PIL.Image", reason="reads images")
        path = tmp_path / "a.png"
        figure = plot(IMAGES, HEATMAPS, path=path)
        pixels = np.asarray(image.open(path).convert("RGB"))
        assert pixels.shape[0] == int(figure.bbox.height)

        def center(axes):
            x, y = axes.get_window_extent().get_points().mean(axis=0)
            return pixels[len(pixels) - int(y), int(x)].tolist()

        found = [center(axes) for axes in figure.axes]
        # The mean of 200 and the colours at 0 and 1, rounded to even.
        assert found[0] == found[3] == [200, 200, 200]
        assert found[1:3] == [[6, 10, 66], [103, 105, 133]]
        assert found[4:] == [[255, 155, 125], [228, 178, 162]]

    @pytest.mark.parametrize(
        ("suffix", "start"),
        [
            (".png", b"\x89PNG"),
            (".PNG", b"\x89PNG"),
            (".svg", b"<?xml"),
            (".pdf", b"%PDF"),
        ],
    )
    def test_has_the_format_of_its_ending(self, suffix, start, tmp_path):
        path = tmp_path / f"a{suffix}"
        plot(IMAGES, HEATMAPS, path=str(path))
        assert path.read_bytes().startswith(start)
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("where", ["writing", "renaming"])
    def test_is_the_old_one_if_it_fails(self, where, tmp_path, monkeypatch):
        from matplotlib.figure import Figure

        def fail(self, path, *args, **kwargs):
            if where == "writing":
                with open(path, "wb") as file:
                    file.write(b"half")
            raise OSError("the disk is full")

        target = (Figure, "savefig") if where == "writing" else (os, "replace")
        monkeypatch.setattr(*target, fail)
        path = tmp_path / "a.png"
        path.write_text("old")
        with pytest.raises(OSError, match="the disk is full"):
            plot(IMAGES, HEATMAPS, path=path)
        assert list(tmp_path.iterdir()) == [path]
        assert path.read_text() == "old"

    @pytest.mark.parametrize("name", ["a", "a.jpg", "missing/a.png", ""])
    def test_needs_a_known_ending_and_a_folder(self, name, tmp_path):
        with pytest.raises(ValueError, match="end in .*folder.*Received: path"):
            plot(IMAGES, HEATMAPS, path=tmp_path / name)


class TestErrors:
    @pytest.mark.parametrize(
        ("images", "heatmaps", "received"),
        [
            (IMAGES, HEATMAPS[:1], "2 images, heatmaps: 1"),
            (IMAGES[:0], HEATMAPS[:0], "0 images, heatmaps: 0"),
            (IMAGES, {}, "2 images, heatmaps: {}"),
            (
                IMAGES,
                {"CAM": HEATMAPS, "b": HEATMAPS[:1]},
                "2 images, heatmaps: {'CAM': 2, 'b': 1}",
            ),
        ],
    )
    def test_numbers_of_images_and_maps_agree(self, images, heatmaps, received):
        with pytest.raises(ValueError, match=f"one heatmap .*: {received}"):
            plot(images, heatmaps)

    @pytest.mark.parametrize("titles", [[], ["a"], "ab"])
    def test_each_image_has_a_title(self, titles):
        with pytest.raises(ValueError, match="list of 2 strings.*: titles="):
            plot(IMAGES, HEATMAPS, titles)

    def test_overlay_checks_each_pair(self):
        with pytest.raises(ValueError, match=r"in \[0, 255\]"):
            plot(IMAGES.astype("int32") * 2, HEATMAPS)
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            plot(IMAGES, HEATMAPS * 2)
        with pytest.raises(ValueError, match="`alpha`"):
            plot(IMAGES, HEATMAPS, alpha=2)

    def test_says_what_is_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        message = r'pip install -e "\.\[images\]"'
        with pytest.raises(ImportError, match=message):
            plot(IMAGES, HEATMAPS)


def test_does_not_import_pyplot(tmp_path, monkeypatch):
    # Keras imports it if it is installed.
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for suffix in ("png", "svg", "pdf"):
        path = tmp_path / f"a.{suffix}"
        plot(np.zeros((1, 8, 8)), np.zeros((1, 4, 4)), ["a"], path)
    assert sys.modules["matplotlib.pyplot"] is None
    assert len(list(tmp_path.iterdir())) == 3
