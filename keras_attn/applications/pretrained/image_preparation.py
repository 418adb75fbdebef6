"""Prepares images as in the published evaluation of weights."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_attn.applications.common.images import channel_axis
from keras_attn.applications.pretrained.entries import Entry
from keras_attn.applications.pretrained.repositories import resolve
from keras_attn.extras import how_to_install
from keras_attn.layers.parts.image_preparation import ImagePreparation


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The preprocessing of published weights, which is called on images.

    Args:
        size: Height and width of the prepared images.
        resize: Shorter side before the crop, or height and width if the aspect
            ratio changes.
        interpolation: `"bilinear"` or `"bicubic"`.
        mean: Mean of red, green and blue, in [0, 1].
        std: Standard deviation of red, green and blue, in [0, 1].
        crop: `size` divided by `resize`, as published.
    """

    size: tuple[int, int]
    resize: int | tuple[int, int]
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: float

    def __call__(
        self, images: Any, data_format: str | None = None
    ) -> np.ndarray:
        """Returns a batch of prepared images, in float32.

        Args:
            images: An RGB image of any size as an array with values in
                [0, 255], a list of such images, or an array of several. Images
                in uint8 are resized to whole grey levels, as Pillow does, and
                other types without rounding.
            data_format: `"channels_last"` or `"channels_first"`, of the images
                and of the batch. Defaults to the Keras setting.

        Raises:
            ValueError: If the images are not RGB, their values are not in
                [0, 255], or Pillow is not installed.
        """
        axis = channel_axis(data_format) - 1
        batch = np.stack([self._prepared(x) for x in _images(images, axis)])
        return batch if axis == 2 else batch.transpose(0, 3, 1, 2)

    def layer(self, **kwargs: Any) -> ImagePreparation:
        """Returns a Keras layer that prepares batches of images.

        It accepts images of any size, which may be unknown when the model is
        built, and is saved with the model. Unlike the function, it does not
        round to grey levels while it resizes.

        Args:
            **kwargs: `name`, `data_format` and other arguments of a layer.
        """
        return ImagePreparation(
            *self.size,
            resize=self.resize,
            interpolation=self.interpolation,
            mean=self.mean,
            std=self.std,
            **kwargs,
        )

    def _prepared(self, image: np.ndarray) -> np.ndarray:
        """Returns an image `(height, width, 3)`, resized and normalised."""
        sides = tuple(image.shape[:2])
        rows, columns = (
            self.resize
            if isinstance(self.resize, tuple)
            else [self.resize * side // min(sides) for side in sides]
        )
        height, width = self.size
        # Both round half to even, as Python does.
        top, left = round((rows - height) / 2), round((columns - width) / 2)
        if image.dtype == np.uint8:
            image = _resized(image, (columns, rows), self.interpolation)
        else:
            # Columns first, as in the layer. Pillow clips after each pass.
            for to in ((columns, sides[0]), (columns, rows)):
                # Pillow resizes only single channels of floats.
                channels = [
                    _resized(image[..., i], to, self.interpolation)
                    for i in range(3)
                ]
                image = np.clip(np.stack(channels, -1), 0, 255)
        image = image[top : top + height, left : left + width]
        x = image.astype("float32") / np.float32(255)
        mean, std = (np.asarray(n, "float32") for n in (self.mean, self.std))
        return (x - mean) / std


def preprocessing(name: str) -> Preprocessing:
    """Returns the preprocessing of images for published weights.

    The result contains the settings. Call it on images to get the input of the
    network. Its method `layer` returns a Keras layer that does the same, for
    the front of a model.

    Reference: timm's `create_transform` for evaluation, and torchvision's
    presets: resize the shorter side with smoothing, crop the centre, normalise
    as `(x / 255 - mean) / std`. With images in uint8, the function computes
    what timm does with Pillow. The layer differs by about one grey level.

    Args:
        name: A name of published weights, as for `from_pretrained`.

    Returns:
        A dataclass with the fields `size`, `resize`, `interpolation`, `mean`,
        `std` and `crop`. Call it on an image with values in [0, 255], or on a
        list of images of any sizes. It returns a batch, and requires Pillow
        (the extra `images`).

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> prepare = keras_attn.applications.preprocessing(
    ...     "timm/ecaresnet50d.miil_in1k"
    ... )
    >>> prepare.size, prepare.resize, prepare.interpolation
    ((224, 224), 256, 'bicubic')
    >>> photograph = np.zeros((300, 400, 3), "uint8")
    >>> prepare(photograph, data_format="channels_last").shape
    (1, 224, 224, 3)
    """
    return _of(resolve(name))


def _of(entry: Entry) -> Preprocessing:
    side, resize, crop = min(entry.size), entry.resize, entry.crop
    if resize is None:
        resize = math.floor(side / crop)
    else:
        crop = side / resize
    return Preprocessing(
        size=entry.size,
        resize=(resize, resize) if entry.crop_mode == "squash" else resize,
        interpolation=entry.interpolation,
        mean=entry.mean,
        std=entry.std,
        crop=crop,
    )


def _images(images: Any, axis: int) -> Iterator[np.ndarray]:
    """Yields images `(height, width, 3)`, in uint8 or float32."""
    is_one = hasattr(images, "ndim") and images.ndim == 3
    found = [images] if is_one else images
    if len(found) == 0:
        raise ValueError(
            "`images` must contain at least one image. Received: none"
        )
    for image in found:
        image = np.asarray(image)
        is_number = image.dtype.kind in "uif"
        if image.ndim != 3 or image.shape[axis] != 3 or not is_number:
            raise ValueError(
                "Each image must be an array of numbers with three axes, and "
                f"with red, green and blue at axis {axis}. Received: "
                f"shape={image.shape}, dtype={image.dtype}. Convert images "
                "with Pillow's `convert('RGB')`, or pass `data_format`"
            )
        if axis == 0:
            image = image.transpose(1, 2, 0)
        if not image.size:
            raise ValueError(
                f"Each image must have pixels. Received: shape={image.shape}"
            )
        if image.dtype != np.uint8:
            image = image.astype("float32")
            if not (image.min() >= 0 and image.max() <= 255):
                raise ValueError(
                    "The values of images must be in [0, 255]. Received: "
                    f"values in [{image.min()}, {image.max()}]"
                )
        yield image


def _resized(
    image: np.ndarray, size: tuple[int, int], interpolation: str
) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError as error:
        raise ValueError(
            "Resizing images requires Pillow. Received: Pillow is not "
            f"installed. Run {how_to_install('images')}, or use the layer"
        ) from error
    method = Image.Resampling[interpolation.upper()]
    return np.asarray(
        Image.fromarray(np.ascontiguousarray(image)).resize(size, method)
    )
