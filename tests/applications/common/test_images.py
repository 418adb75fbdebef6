import os

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from applications.common.images import (
    fit_array,
    image_files,
    read_image,
    read_images,
)
from applications.common.problems import Problems


@pytest.fixture
def grey():
    return np.arange(16, dtype="uint8").reshape(4, 4) * 16


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "gif", "webp"])
def test_reads_formats_without_loss(tmp_path, grey, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(grey).save(path, **({"lossless": True}))
    np.testing.assert_array_equal(read_image(path, (4, 4, 1))[..., 0], grey)


def test_colour_becomes_grey_and_grey_colour(tmp_path, grey):
    Image.fromarray(grey).convert("RGB").save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png", (4, 4, 1))
    np.testing.assert_array_equal(read[..., 0], grey)
    read = read_image(tmp_path / "a.png", (4, 4, 3))
    np.testing.assert_array_equal(read, np.repeat(grey[..., None], 3, axis=2))


def test_transparent_palettes_are_read(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 90, 90, 90])
    image.save(tmp_path / "a.png", transparency=b"\x00\xff")
    assert (read_image(tmp_path / "a.png", (4, 4, 1)) == 90).all()


def test_16_bits_are_scaled_and_not_cut_off(tmp_path, grey):
    Image.fromarray(grey.astype("uint16") * 257).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png", (4, 4, 1))
    np.testing.assert_array_equal(read[..., 0], grey)


def test_photographs_are_turned_as_their_camera_says(tmp_path, grey):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(grey).save(tmp_path / "a.png", exif=exif)
    read = read_image(tmp_path / "a.png", (4, 4, 1))
    np.testing.assert_array_equal(read[..., 0], grey[::-1, ::-1])


def test_any_size_is_brought_to_the_shape(tmp_path):
    Image.new("L", (30, 7), 77).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png", (16, 32, 1))
    assert read.shape == (16, 32, 1) and (read == 77).all()
    assert fit_array(np.full((5, 5), 77, "uint8"), (8, 8, 3)).shape == (8, 8, 3)


def test_any_size_may_stay(tmp_path, grey):
    path = tmp_path / "a.png"
    Image.fromarray(grey).save(path)
    image = read_image(path, (None, None, 3))
    assert image.shape == (*grey.shape, 3)
    np.testing.assert_array_equal(image[..., 1], grey)


class TestFolders:
    def test_files_that_are_no_images_are_counted(self, tmp_path, grey, capsys):
        for name in ("in", ".ipynb_checkpoints"):
            (tmp_path / name).mkdir()
        hidden = "in/.hidden.png", ".ipynb_checkpoints/a.png"
        for name in ("a.png", "in/image", *hidden):
            Image.fromarray(grey).save(tmp_path / name, "PNG")
        for name in ("in/Thumbs.db", "desktop.ini", "notes.txt", ".DS_Store"):
            (tmp_path / name).write_text("text")
        # Their names are those of images, so reading them raises an error.
        for name in ("b.jpg", "c.HEIC"):
            (tmp_path / name).write_text("text")
        found = [path.name for path in image_files([tmp_path])]
        assert found == ["a.png", "b.jpg", "c.HEIC", "image"]
        lines = capsys.readouterr().err.splitlines()
        assert lines[0] == "skipped 3 files that are not images:"
        assert len(lines) == 4

    def test_a_file_that_is_given_is_not_skipped(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text("text")
        assert image_files([path]) == [path]

    def test_without_an_image_are_refused(self, tmp_path):
        (tmp_path / "a.txt").write_text("text")
        with pytest.raises(ValueError, match="the folder has no images"):
            image_files([tmp_path])


class TestBadFiles:
    @pytest.fixture
    def paths(self, tmp_path):
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (32, 32), "uint8")
        Image.fromarray(noise).save(tmp_path / "good.png")
        whole = (tmp_path / "good.png").read_bytes()
        (tmp_path / "truncated.png").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "text.jpg").write_text("no image")
        names = ("good.png", "truncated.png", "text.jpg", "missing.png")
        return [tmp_path / name for name in names]

    @pytest.mark.parametrize(
        ("index", "words"),
        [
            (1, "truncated.png: not a readable image"),
            (2, "text.jpg: not a readable image"),
            (3, "missing.png: there is no such file"),
        ],
    )
    def test_are_named(self, paths, index, words):
        with pytest.raises(ValueError, match=words):
            read_images([paths[index]], (16, 16, 1), Problems())

    def test_are_left_out_and_counted(self, paths):
        problems = Problems(skip=True)
        images, kept = read_images(paths, (16, 16, 1), problems, workers=2)
        assert images.shape == (1, 16, 16, 1) and kept == [0]
        assert len(problems.messages) == 3

    def test_a_decompression_bomb_is_one(self, paths, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)
        with pytest.raises(ValueError, match="good.png.*DecompressionBomb"):
            read_images(paths[:1], (16, 16, 1), Problems())

    @pytest.mark.timeout(60)
    @pytest.mark.skipif(os.name != "posix", reason="has no pipes")
    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "a.png")
        with pytest.raises(ValueError, match="a.png: not a readable image"):
            read_image(tmp_path / "a.png", (16, 16, 1))

    def test_no_image_is_a_program(self, tmp_path, monkeypatch):
        """Pillow starts another program for the PostScript in an EPS."""
        run = []
        monkeypatch.setattr(
            EpsImagePlugin, "Ghostscript", lambda *_, **__: run.append(1)
        )
        path = tmp_path / "a.jpg"
        Image.new("RGB", (8, 8)).save(path, format="EPS")
        with Image.open(path) as image:
            assert image.format == "EPS"
        with pytest.raises(ValueError, match="a.jpg: not a readable image"):
            read_image(path, (8, 8, 3))
        assert run == []
