"""The result of a DeconvNet."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """The reconstructions that a DeconvNet returns for `n` images.

    Attributes:
        pixels: float32 `(n, height, width, channels)`, channels last whatever
            the model's format. The values are around 0 and have no unit.
        boxes: int64 `(n, 4)`: top, left, bottom and right of the receptive
            field of the activations that were kept. The last two are
            exclusive, and the box is clipped to the image. All zeros if no
            activation was kept.
        channels: int64 `(n,)`, the feature map of each reconstruction.

    Raises:
        ValueError: If `crops` receives another number of images.

    Example:

    >>> found = keras_attn.explain.Reconstruction(
    ...     np.zeros((1, 8, 8, 3)), np.array([[0, 2, 5, 7]]), np.array([4])
    ... )
    >>> found.crops()[0].shape
    (5, 5, 3)
    """

    pixels: np.ndarray
    boxes: np.ndarray
    channels: np.ndarray

    def crops(self, images: Any = None) -> list[np.ndarray]:
        """Crops the reconstructions, or other images, to the boxes.

        Args:
            images: `(n, height, width, channels)`, such as the images before
                preprocessing, or `None` for the reconstructions. Defaults to
                `None`.

        Returns:
            A list of `n` arrays. Crops at the edge of an image are smaller.

        Raises:
            ValueError: If the number of images differs from the number of
                reconstructions.
        """
        images = self.pixels if images is None else images
        if len(images) != len(self.boxes):
            raise ValueError(
                f"There must be one image for each of the {len(self.boxes)} "
                f"reconstructions. Received: {len(images)} images"
            )
        return [
            np.asarray(image)[top:bottom, left:right]
            for image, (top, left, bottom, right) in zip(
                images, self.boxes, strict=True
            )
        ]
