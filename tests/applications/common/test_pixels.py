import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from applications.common.images import read_image
from tests.applications.common.image_files import write_png, write_tiff

RAMP = np.linspace(0, 1, 64).reshape(8, 8)
GREY = np.round(RAMP * 255).astype("uint8")
COLOURS = np.array([[[200, 30, 40], [30, 180, 60], [20, 40, 210]]], "uint8")


def scaled(white, kind):
    """Values from 0 to white, of a given type."""
    return (RAMP * white).astype(kind)


def write_deep(path, array):
    """Writes 16 bits, which older versions of Pillow cannot for PPM."""
    if path.suffix == ".ppm":
        path.write_bytes(b"P5 8 8 65535\n" + array.astype(">u2").tobytes())
    else:
        Image.fromarray(array).save(path)


def read(path, channels=1):
    array = read_image(path, (None, None, channels))
    return array[..., 0] if channels == 1 else array


class TestBits:
    """Unlike for 8 bits, the value of white is unknown for 16."""

    @pytest.mark.parametrize("ending", ["png", "tif", "ppm", "jp2"])
    def test_of_16_the_upper_8_are_read(self, tmp_path, ending):
        path = tmp_path / f"a.{ending}"
        write_deep(path, scaled(65535, "uint16"))
        expected = scaled(65535, "uint16") >> 8
        np.testing.assert_array_equal(read(path), expected)

    def test_of_16_in_another_order_the_upper_8_are_read(self, tmp_path):
        path = tmp_path / "a.tif"
        Image.fromarray(scaled(65535, ">u2")).save(path)
        with Image.open(path) as image:
            assert image.mode == "I;16B"
        np.testing.assert_array_equal(read(path), scaled(65535, "uint16") >> 8)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_of_16_few_may_be_dark(self, tmp_path, channels):
        array = np.repeat(scaled(16384, "uint16")[..., None], channels, axis=2)
        if channels in (2, 4):
            array[..., -1] = 65535
        write_png(tmp_path / "a.png", array)
        found = read(tmp_path / "a.png", 3)
        expected = scaled(16384, "uint16") >> 8
        np.testing.assert_array_equal(found[..., 2], expected)

    @pytest.mark.parametrize("white", [255, 1023, 4095, 16383])
    @pytest.mark.parametrize("ending", ["png", "tif", "ppm", "jp2"])
    def test_of_16_few_in_use_are_refused(self, tmp_path, white, ending):
        path = tmp_path / f"a.{ending}"
        write_deep(path, scaled(white, "uint16"))
        words = f"a.{ending}: .*nearly black.*value is {white}.*255 / {white}$"
        with pytest.raises(ValueError, match=words):
            read(path)

    @pytest.mark.parametrize("channels", [2, 3, 4])
    def test_of_colours_few_in_use_are_refused(self, tmp_path, channels):
        """Pillow opens them as RGB, without the lower eight bits."""
        array = np.repeat(scaled(4095, "uint16")[..., None], channels, axis=2)
        if channels in (2, 4):
            array[..., -1] = 65535
        write_png(tmp_path / "a.png", array)
        with pytest.raises(ValueError, match="a.png: .* 255 / 4095$"):
            read(tmp_path / "a.png", 3)

    def test_black_is_black_at_any_scale(self, tmp_path):
        Image.fromarray(np.zeros((8, 8), "uint16")).save(tmp_path / "a.png")
        assert (read(tmp_path / "a.png") == 0).all()

    def test_12_that_the_file_tells_are_scaled(self, tmp_path):
        write_tiff(tmp_path / "a.tif", scaled(4095, "uint16"), bits=12)
        expected = scaled(4095, "uint16") >> 4
        np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)

    def test_white_that_is_zero_is_white(self, tmp_path):
        for kind, white in (("uint8", 255), ("uint16", 65535)):
            path = tmp_path / f"{kind}.tif"
            write_tiff(path, scaled(white, kind), white_is_zero=True)
            found = read(path)
            assert found[0, 0] == 255 and found[-1, -1] == 0

    @pytest.mark.parametrize(
        ("white", "kind"),
        [
            (1, "float32"),
            (255, "float32"),
            (np.nan, "float32"),
            (255, "int32"),
            (70000, "int32"),
            (255, "uint32"),
            (-255, "int16"),
            (127, "int8"),
        ],
    )
    def test_without_a_known_white_are_refused(self, tmp_path, white, kind):
        write_tiff(tmp_path / "a.tif", scaled(white, kind))
        with pytest.raises(ValueError, match="a.tif: .*floats, 32 bits or si"):
            read(tmp_path / "a.tif")

    def test_floats_of_other_formats_are_refused(self, tmp_path):
        Image.fromarray(scaled(255, "float32")).save(tmp_path / "a.pfm")
        with pytest.raises(ValueError, match="a.pfm: .*floats, 32 bits or si"):
            read(tmp_path / "a.pfm")


class TestModes:
    @pytest.mark.parametrize(
        ("mode", "most"), [("1", 0), ("L", 0), ("CMYK", 1)]
    )
    def test_values_are_those_of_the_image(self, tmp_path, mode, most):
        grey = np.where(RAMP < 0.5, 0, 255).astype("uint8")
        grey = grey if mode == "1" else GREY
        image = Image.fromarray(np.stack([grey] * 3, -1)).convert(mode)
        image.save(tmp_path / "a.tif")
        found = read(tmp_path / "a.tif", 3).astype(int)
        assert np.abs(found - grey[..., None]).max() <= most

    def test_colours_of_lab_are_converted(self, tmp_path):
        profiles = map(ImageCms.createProfile, ("sRGB", "LAB"))
        image = Image.fromarray(COLOURS)
        image = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
        image.save(tmp_path / "a.tif")
        found = read(tmp_path / "a.tif", 3).astype(int)
        assert np.abs(found - COLOURS).max() <= 3


class TestTransparency:
    """Drawings are often black on transparent, so all pixels are black."""

    @pytest.fixture
    def drawing(self):
        array = np.zeros((8, 8, 4), "uint8")
        array[2:4, :, 3] = 255
        array[4:6, :, 3] = 102
        return Image.fromarray(array)

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
    def test_images_are_laid_on_white(self, tmp_path, drawing, mode):
        image = drawing.convert("P" if mode == "PA" else mode)
        image.putalpha(drawing.getchannel("A"))
        image.save(tmp_path / "a.tif")
        with Image.open(tmp_path / "a.tif") as image:
            assert image.mode == mode
        found = read(tmp_path / "a.tif")
        assert (found[:2] == 255).all() and (found[2:4] == 0).all()
        # 255 * (1 - 102 / 255)
        assert (found[4:6] == 153).all()

    def test_premultiplied_colours_are_divided(self, tmp_path, drawing):
        array = np.array(drawing)
        array[4:6, :, :3] = 40
        Image.fromarray(array).save(tmp_path / "a.tif")
        # The extra sample is of kind 1, an alpha that has multiplied the
        # others, instead of 2, which Pillow writes.
        content = (tmp_path / "a.tif").read_bytes()
        kinds = [struct.pack("<HHIH", 338, 3, 1, kind) for kind in (2, 1)]
        assert content.count(kinds[0]) == 1
        (tmp_path / "a.tif").write_bytes(content.replace(*kinds))
        # 100 * 102 / 255 + 255 * (1 - 102 / 255)
        assert (read(tmp_path / "a.tif")[4:6] == 193).all()

    def test_palettes_and_keys_are_laid_on_white(self, tmp_path):
        array = np.array([[0, 1], [1, 0]], "uint8")
        grey = Image.fromarray(array)
        grey.save(tmp_path / "grey.png", transparency=1)
        grey.convert("RGB").save(tmp_path / "colour.png", transparency=(1,) * 3)
        grey.putpalette([0] * 6)
        for name in ("palette.png", "palette.gif"):
            grey.save(tmp_path / name, transparency=1)
        values = array.astype("uint16") * 60000 + 1000
        write_png(tmp_path / "deep.png", values, key=61000)
        for path in sorted(tmp_path.iterdir()):
            found = read(path) > 250
            np.testing.assert_array_equal(found, array, err_msg=path.name)

    def test_opaque_images_are_as_they_are(self, tmp_path):
        alpha = np.full((8, 8), 255, "uint8")
        Image.fromarray(np.stack([GREY, alpha], -1)).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read(tmp_path / "a.png"), GREY)

    @pytest.mark.parametrize(("colour", "alpha"), [(0, 0), (255, GREY)])
    def test_of_which_nothing_is_left_are_refused(
        self, tmp_path, colour, alpha
    ):
        array = np.full((8, 8, 4), colour, "uint8")
        array[..., 3] = alpha
        Image.fromarray(array).save(tmp_path / "a.png")
        with pytest.raises(ValueError, match="a.png: transparent images are"):
            read(tmp_path / "a.png")


class TestFrames:
    @pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
    def test_several_are_refused(self, tmp_path, ending):
        path = tmp_path / f"a.{ending}"
        first, second = Image.fromarray(GREY), Image.fromarray(255 - GREY)
        first.save(path, save_all=True, append_images=[second])
        with pytest.raises(ValueError, match=f"a.{ending}: .*one frame"):
            read(path)

    @pytest.mark.parametrize("subfile", [1, 4, 5])
    def test_smaller_copies_and_masks_of_pages_are_none(
        self, tmp_path, subfile
    ):
        path = tmp_path / "a.tif"
        write_tiff(path, GREY, GREY[::2, ::2], subfile=subfile)
        np.testing.assert_array_equal(read(path), GREY)

    def test_of_a_camera_the_first_is_the_photograph(self, tmp_path):
        path = tmp_path / "a.jpg"
        small = Image.fromarray(GREY[::2, ::2])
        image = Image.fromarray(GREY)
        image.save(path, "MPO", save_all=True, append_images=[small])
        found = read(path).astype(int)
        assert found.shape == (8, 8) and np.abs(found - GREY).max() < 8
