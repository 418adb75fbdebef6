"""What a DeconvNet returns."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """What a DeconvNet found in `n` images.

    Attributes:
        pixels: float32 `(n, height, width, channels)`, channels last whatever
            the model's format; around 0, in no unit.
        boxes: int64 `(n, 4)`: top, left, bottom and right of the receptive
            field of the activations that were kept, the last two exclusive,
            cut off at the edge of the image; zeros if there were none.
        channels: int64 `(n,)`, which feature map each is of.

    Raises:
        ValueError: If `crops` is given another number of images.

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
        """Cuts the boxes out of the reconstructions, or out of images.

        Args:
            images: `(n, height, width, channels)`, such as those before
                preprocessing; `None` for the reconstructions.

        Returns:
            A list of `n` arrays, smaller at the edges of the images.

        Raises:
            ValueError: If there are not as many images.
        """
        images = self.pixels if images is None else images
        if len(images) != len(self.boxes):
            raise ValueError(
                f"There must be an image for each of the {len(self.boxes)} "
                f"reconstructions. Received: {len(images)} images"
            )
        return [
            np.asarray(image)[top:bottom, left:right]
            for image, (top, left, bottom, right) in zip(
                images, self.boxes, strict=True
            )
        ]
