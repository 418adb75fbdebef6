"""Makes 8-bit pixels of any image, or says why nobody can know them."""

from typing import Any

import numpy as np

from applications.common.extras import optional

# Tags of TIFF.
SUBFILE, BITS, PHOTOMETRIC, FORMAT = 254, 258, 262, 339
WHITE_IS_ZERO = 0
UNSIGNED, UNDEFINED = 1, 4
# Of 16 bits: with fewer than 15 of them in use, an image is nearly black.
DARK = 1 << 14
ORIENTATION = 0x0112
REMEDY = "Convert all images of the data set to 8 bits with the same scale"


class Unsuitable(Exception):
    """An image that can be read, and does not say what its pixels mean."""


def plain(image: Any) -> tuple[Any, int]:
    """Makes an image upright, with 8 bits a channel and no transparency.

    Args:
        image: As Pillow opens it, and not loaded yet: afterwards it does not
            tell how many bits the file has, and a TIFF not how it was turned.

    Returns:
        The new image, and how EXIF has turned it; see `orientation`.

    Raises:
        Unsuitable: If the image has several frames, if its numbers have no
            largest one or do not come near it, or if nothing is left of it on
            white.
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
    """Refuses animations and stacks, of which the first frame may be empty."""
    # Cameras add small copies to their pictures, as MPO.
    if image.format == "MPO" or not getattr(image, "is_animated", False):
        return
    if image.format == "TIFF":
        image.seek(1)
        # Bits 0 and 2: a smaller copy of the first page, or its mask.
        is_extra = image.tag_v2.get(SUBFILE, 0) & 5
        image.seek(0)
        if is_extra:
            return
    raise Unsuitable(
        "an image must be one frame, and the file has several. Save the "
        "frames that you need as files of their own"
    )


def orientation(image: Any) -> int:
    """Returns how EXIF turns an image: 1 is not at all, from 5 on it lies."""
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
        "images must be unsigned integers of 8 or 16 bits, whose white is 255 "
        "or 65535; this one has floats, 32 bits or signs, and its white is "
        f"unknown. {REMEDY}"
    )


def _bits(image: Any) -> int:
    """Returns the bits of a channel in the file, as far as Pillow cuts some."""
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
    """Returns the upper eight bits, which Pillow has taken from colours."""
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
    # Nothing but zeros is black at any scale.
    if not 0 < largest < DARK:
        return
    white = (1 << max(8, largest.bit_length())) - 1
    raise Unsuitable(
        "images of 16 bits are scaled from 0 .. 65535 to 0 .. 255, which "
        "makes this one nearly black, as none of its values is above "
        f"{largest}. {REMEDY}, such as value * 255 / {white}"
    )


def _on_white(image: Any) -> Any:
    """Lays an image on white, as browsers show it."""
    image_module = optional("PIL.Image", "images")
    image = image.convert("RGBA")
    least, _ = image.getchannel("A").getextrema()
    if least == 255:
        return image.convert("RGB")
    white = image_module.new("RGBA", image.size, "white")
    flat = image_module.alpha_composite(white, image).convert("RGB")
    if all(low == high for low, high in flat.getextrema()):
        raise Unsuitable(
            "transparent images are laid on white, and nothing but one colour "
            "is left of this one. Lay it on another colour, and save it "
            "without transparency"
        )
    return flat
