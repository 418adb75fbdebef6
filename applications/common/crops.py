"""Batches of crops: at random places for training, otherwise the centre."""

import numpy as np

from applications.common.batches import OrderedBatches, arranged
from applications.common.parts import Part


def centre(images: np.ndarray, side: int) -> np.ndarray:
    """Cuts the centre out of images `(n, height, width, channels)`.

    The place is that of the centre crop in `keras_attn.layers.TenCrop`.
    """
    top, left = (round((size - side) / 2) for size in images.shape[1:3])
    return images[:, top : top + side, left : left + side]


def readable(images: np.ndarray, data_format: str) -> np.ndarray:
    """Returns float32 images in the data format of a network."""
    return arranged(images, data_format).astype("float32")


class Crops(OrderedBatches):
    """Batches of crops in [0, 255], with new crops in each epoch.

    A crop is taken at a random place and may be mirrored. This depends only
    on the seed, the epoch and the batch, so that threads cannot change it.

    Args:
        part: Images and labels.
        batch_size: As in `OrderedBatches`.
        crop: Height and width of a crop; 0 for whole images, which are not
            mirrored.
        seed: As in `OrderedBatches`; `None` for crops of the centre.
        data_format: Data format of the model; images in memory are channels
            last.
        workers: Threads that make batches.
        padding: Black pixels added on each side before a random crop.
        mirror: Whether half of the random crops are mirrored.
    """

    def __init__(
        self,
        part: Part,
        batch_size: int,
        crop: int,
        seed: int | None = None,
        data_format: str = "channels_last",
        workers: int = 1,
        padding: int = 0,
        mirror: bool = True,
    ):
        super().__init__(len(part), batch_size, seed, workers)
        self.part = part
        self.crop = crop
        self.padding = padding
        self.mirror = mirror
        self.data_format = data_format

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index]
        images = self.part.images[chosen]
        if self.crop and self.seed is None:
            images = centre(images, self.crop)
        elif self.crop:
            images = self._at_random(images, index)
        return readable(images, self.data_format), self.part.labels[chosen]

    def _at_random(self, images: np.ndarray, index: int) -> np.ndarray:
        # From 1, since NumPy ignores a 0 at the end of a seed: the first batch
        # would draw the numbers that made the order.
        rng = np.random.default_rng([self.seed, self.epoch, index + 1])
        around = (self.padding, self.padding)
        images = np.pad(images, ((0, 0), around, around, (0, 0)))
        count, *size = images.shape[:3]
        top, left = (
            rng.integers(0, side - self.crop, count, endpoint=True)
            for side in size
        )
        pixels = np.arange(self.crop)
        columns = np.broadcast_to(pixels, (count, self.crop))
        if self.mirror:
            is_kept = rng.random((count, 1)) < 0.5
            columns = np.where(is_kept, pixels, pixels[::-1])
        rows = (top[:, None] + pixels)[:, :, None]
        columns = (left[:, None] + columns)[:, None]
        return images[np.arange(count)[:, None, None], rows, columns]
