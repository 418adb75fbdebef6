import numpy as np
import pytest
from PIL import Image

from applications.semantic_segmentation.palette import (
    overlay,
    read_index_png,
    voc_colormap,
    write_index_png,
)
from tests.applications.common.image_files import write_png

# From the development kit of Pascal VOC.
KNOWN = {
    0: (0, 0, 0),
    1: (128, 0, 0),
    2: (0, 128, 0),
    4: (0, 0, 128),
    8: (64, 0, 0),
    15: (192, 128, 128),
    20: (0, 64, 128),
    255: (224, 224, 192),
}


@pytest.fixture
def mask():
    """All indices, in an unusual order."""
    values = np.random.default_rng(0).permutation(256)
    return values.astype("uint8").reshape(8, 32)


class TestColormap:
    @pytest.mark.parametrize("index", KNOWN)
    def test_known_colours(self, index):
        assert tuple(voc_colormap()[index]) == KNOWN[index]

    def test_is_uint8_and_each_colour_is_another(self):
        colours = voc_colormap()
        assert colours.shape == (256, 3) and colours.dtype == "uint8"
        assert len(np.unique(colours, axis=0)) == 256

    def test_of_fewer_is_the_beginning(self):
        np.testing.assert_array_equal(voc_colormap(21), voc_colormap()[:21])


class TestWriting:
    @pytest.mark.parametrize("colours", [2, 6, 16, 21, 256])
    def test_indices_come_back(self, tmp_path, mask, colours):
        path = tmp_path / "a.png"
        write_index_png(path, mask, voc_colormap(colours))
        np.testing.assert_array_equal(read_index_png(path), mask)
        with Image.open(path) as image:
            assert image.mode == "P"

    def test_colours_are_those_of_the_palette(self, tmp_path, mask):
        palette = np.array([(1, 2, 3), (9, 8, 7)], "uint8")
        write_index_png(tmp_path / "a.png", mask, palette)
        with Image.open(tmp_path / "a.png") as image:
            colours = np.asarray(image.convert("RGB"))
        expected = voc_colormap()
        expected[:2] = palette
        np.testing.assert_array_equal(colours, expected[mask])

    def test_the_old_file_stays_if_it_fails(self, tmp_path, mask, monkeypatch):
        path = tmp_path / "a.png"
        write_index_png(path, mask, voc_colormap())
        before = path.read_bytes()

        def fail(self, file, **options):
            file.write_bytes(b"half")
            raise OSError

        monkeypatch.setattr(Image.Image, "save", fail)
        with pytest.raises(OSError):
            write_index_png(path, 255 - mask, voc_colormap())
        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        ("kind", "shape"), [("int64", (4, 4)), ("uint8", (4, 4, 3))]
    )
    def test_other_arrays_are_refused(self, tmp_path, kind, shape):
        with pytest.raises(ValueError, match=f"a.png.*Received: {kind}"):
            path = tmp_path / "a.png"
            write_index_png(path, np.zeros(shape, kind), voc_colormap())


class TestReading:
    def test_of_a_palette_the_indices_are_read(self, tmp_path):
        image = Image.fromarray(np.array([[0, 1], [2, 3]], "uint8"))
        # All colours are the same, and one is transparent.
        image.putpalette(bytes([7, 7, 7] * 4))
        for bits in (2, 8):
            path = tmp_path / f"{bits}.png"
            image.save(path, bits=bits, transparency=1)
            assert read_index_png(path).tolist() == [[0, 1], [2, 3]]

    def test_grey_and_black_and_white_are_read(self, tmp_path):
        values = np.array([[0, 1], [1, 0]], "uint8")
        Image.fromarray(values).save(tmp_path / "l.png")
        Image.fromarray(values.astype(bool)).save(tmp_path / "1.png")
        for name in ("l.png", "1.png"):
            read = read_index_png(tmp_path / name)
            assert read.dtype == "uint8"
            np.testing.assert_array_equal(read, values)

    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_grey_of_few_bits_is_read(self, tmp_path, bits):
        """Pillow turns a 1 into 85 or 17, as is right for grey images."""
        values = np.arange(16, dtype="uint8").reshape(2, 8) & (1 << bits) - 1
        write_png(tmp_path / "a.png", values, bits)
        np.testing.assert_array_equal(
            read_index_png(tmp_path / "a.png"), values
        )

    @pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF"])
    def test_other_formats_are_refused(self, tmp_path, format):
        image = Image.fromarray(np.array([[0, 1], [1, 0]], "uint8"))
        image.save(tmp_path / "a.png", format)
        words = f"a.png: masks must be PNG files. Received: {format}"
        with pytest.raises(ValueError, match=words):
            read_index_png(tmp_path / "a.png")

    def test_several_frames_are_refused(self, tmp_path, mask):
        one, other = Image.fromarray(mask), Image.fromarray(255 - mask)
        one.save(tmp_path / "a.png", save_all=True, append_images=[other])
        with pytest.raises(ValueError, match="a.png: .*must have one frame"):
            read_index_png(tmp_path / "a.png")

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
    def test_colours_are_refused(self, tmp_path, mode):
        Image.new(mode, (4, 4)).save(tmp_path / "a.png")
        words = f"a.png: masks must be index .*Received: {mode}. Replace each"
        with pytest.raises(ValueError, match=words):
            read_index_png(tmp_path / "a.png")

    def test_16_bits_are_refused(self, tmp_path):
        values = np.zeros((4, 4), "uint16")
        Image.fromarray(values).save(tmp_path / "a.png")
        with pytest.raises(ValueError, match="a.png: masks must have 8 bits"):
            read_index_png(tmp_path / "a.png")

    def test_broken_files_are_named(self, tmp_path, mask):
        write_index_png(tmp_path / "a.png", mask, voc_colormap())
        whole = (tmp_path / "a.png").read_bytes()
        (tmp_path / "a.png").write_bytes(whole[: len(whole) - 100])
        (tmp_path / "b.png").write_text("text")
        for name in ("a.png", "b.png"):
            with pytest.raises(ValueError, match=f"{name}: not a readable"):
                read_index_png(tmp_path / name)
        with pytest.raises(ValueError, match="c.png: there is no such file"):
            read_index_png(tmp_path / "c.png")


class TestOverlay:
    @pytest.fixture
    def image(self):
        return np.full((1, 3, 3), 100, "uint8")

    def test_mixes_and_leaves_what_is_ignored(self, image):
        palette = np.array([(200, 0, 100), (0, 0, 1)], "uint8")
        mask = np.array([[0, 255, 1]], "uint8")
        found = overlay(image, mask, palette, alpha=0.25)
        assert found.dtype == "uint8"
        assert found[0].tolist() == [
            [125, 75, 100],
            [100, 100, 100],
            [75, 75, 75],
        ]
        assert (image == 100).all()

    def test_is_half_and_half_unless_told(self, image):
        found = overlay(
            image, np.ones((1, 3), "uint8"), np.full((2, 3), 255, "uint8")
        )
        # 177.5; NumPy rounds halves to even numbers.
        assert (found == 178).all()

    def test_other_sizes_are_refused(self, image):
        with pytest.raises(ValueError, match="the same size. Received"):
            overlay(image, np.zeros((3, 1), "uint8"), voc_colormap())

    def test_classes_without_a_colour_are_refused(self, image):
        mask = np.array([[0, 255, 2]], "uint8")
        with pytest.raises(ValueError, match="value 2, and a palette of 2"):
            overlay(image, mask, voc_colormap(2))
