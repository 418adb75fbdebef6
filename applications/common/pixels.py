"""Converts images to 8 bits, or raises an error if the scale is unknown."""

from typing import Any

import numpy as np

from applications.common.extras import optional

# TIFF tags.
SUBFILE, BITS, PHOTOMETRIC, FORMAT = 254, 258, 262, 339
WHITE_IS_ZERO = 0
UNSIGNED, UNDEFINED = 1, 4
# A 16-bit image that uses fewer than 15 bits would be nearly black.
DARK = 1 << 14
ORIENTATION = 0x0112
REMEDY = "Convert all images of the data set to 8 bits with the same scale"


class Unsuitable(Exception):
    """Raised for an image that can be read, but whose scale is unknown."""


def plain(image: Any) -> tuple[Any, int]:
    """Converts an image to upright 8-bit pixels without transparency.

    Args:
        image: Image opened by Pillow, but not loaded: loading discards the
            number of bits, and the orientation of a TIFF.

    Returns:
        The new image and its EXIF orientation; see `orientation`.

    Raises:
        Unsuitable: If the image has several frames, if the value of white is
            unknown or far above all pixels, or if the image on white has
            only one colour.
    """
    check_frames(image)
    _check_type(image)
    bits, is_negative = _bits(image), _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO
    turned = orientation(image)
    image = optional("PIL.ImageOps", "images").exif_transpose(image)
    if bits > 8:
        image = _reduce(image, bits, is_negative)
    if image.has_transparency_data:
        image = _on_white(image)
    return image, turned


def check_frames(image: Any) -> None:
    """Raises an error for several frames, of which the first may be empty."""
    # Cameras add thumbnails to their pictures, in the format MPO.
    if image.format == "MPO" or not getattr(image, "is_animated", False):
        return
    if image.format == "TIFF":
        image.seek(1)
        # Bits 0 and 2: a thumbnail or a mask of the first page.
        is_extra = image.tag_v2.get(SUBFILE, 0) & 5
        image.seek(0)
        if is_extra:
            return
    raise Unsuitable(
        "an image must have one frame. Received: a file with several. Save "
        "the frames that you need as separate files"
    )


def orientation(image: Any) -> int:
    """Returns the EXIF orientation: 1 is upright, from 5 on sides swap."""
    number = image.getexif().get(ORIENTATION, 1)
    return number if number in range(2, 9) else 1


def _tag(image: Any, number: int, default: Any = None) -> Any:
    return getattr(image, "tag_v2", {}).get(number, default)


def _check_type(image: Any) -> None:
    kinds = set(_tag(image, FORMAT, (UNSIGNED,)))
    is_integer = image.mode != "F" and kinds <= {UNSIGNED, UNDEFINED}
    # Pillow has no other mode for 16 bits of these formats.
    if is_integer and (image.mode != "I" or image.format in ("PNG", "PPM")):
        return
    raise Unsuitable(
        "images must have unsigned integers of 8 or 16 bits, whose white is "
        "255 or 65535. Received: floats, 32 bits or signed integers, whose "
        f"white is unknown. {REMEDY}"
    )


def _bits(image: Any) -> int:
    """Returns the bits per channel in the file, where Pillow may cut some."""
    if image.format == "TIFF":
        return max(_tag(image, BITS, (1,)))
    if image.mode.startswith("I"):
        return 16
    arguments = [tile[3] for tile in getattr(image, "tile", ())]
    if image.format == "PNG":
        return 16 if ";16" in str(arguments) else 8
    if image.format == "PPM":
        largest = [each[-1] for each in arguments if isinstance(each, tuple)]
        return 16 if max(largest, default=0) > 255 else 8
    return 8


def _reduce(image: Any, bits: int, is_negative: bool) -> Any:
    """Returns the upper eight bits; for colours, Pillow has done so."""
    values = np.asarray(image)
    if not image.mode.startswith("I"):
        colours = values[..., :3] if image.mode == "RGBA" else values
        _check_bright((int(colours.max()) << 8) + 255)
        return image
    if bits == 16:
        _check_bright(int(values.max()))
    key = image.info.get("transparency")
    bright = (values.astype("uint32") >> (bits - 8)).astype("uint8")
    image_module = optional("PIL.Image", "images")
    reduced = image_module.fromarray(255 - bright if is_negative else bright)
    if key is not None:
        alpha = np.where(values == key, 0, 255).astype("uint8")
        reduced.putalpha(image_module.fromarray(alpha))
    return reduced


def _check_bright(largest: int) -> None:
    # An image of zeros is black at any scale.
    if not 0 < largest < DARK:
        return
    white = (1 << max(8, largest.bit_length())) - 1
    raise Unsuitable(
        "16-bit images are scaled from [0, 65535] to [0, 255], and must not "
        "become nearly black. Received: an image whose largest value is "
        f"{largest}. {REMEDY}, such as value * 255 / {white}"
    )


def _on_white(image: Any) -> Any:
    """Composites an image onto white, as browsers do."""
    image_module = optional("PIL.Image", "images")
    image = image.convert("RGBA")
    least, _ = image.getchannel("A").getextrema()
    if least == 255:
        return image.convert("RGB")
    white = image_module.new("RGBA", image.size, "white")
    flat = image_module.alpha_composite(white, image).convert("RGB")
    if all(low == high for low, high in flat.getextrema()):
        raise Unsuitable(
            "transparent images are composited onto white, and must have more "
            "than one colour then. Composite this one onto another colour, "
            "and save it without transparency"
        )
    return flat
