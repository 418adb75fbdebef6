"""Feeds images to Keras on any backend, in an order that can be repeated."""

from collections.abc import Callable

import keras
import numpy as np

from applications.common.parts import Part


def input_shape(
    height: int | None, width: int | None, channels: int
) -> tuple[int | None, ...]:
    """Returns the shape of images as Keras' data format has them."""
    if keras.config.image_data_format() == "channels_first":
        return (channels, height, width)
    return (height, width, channels)


def arranged(images: np.ndarray, data_format: str) -> np.ndarray:
    """Returns images, channels last in memory, as a network reads them."""
    first = data_format == "channels_first"
    return np.moveaxis(images, -1, 1) if first else images


class OrderedBatches(keras.utils.PyDataset):
    """Batches whose order depends on the seed and the epoch alone.

    Subclasses make the batch of the indices that `order` has at its place.

    Args:
        count: Number of images.
        batch_size: Images of a batch. If one image is left over, the last
            batch has it too: batch normalisation needs two.
        seed: Shuffles anew in each epoch, or `None` for the given order.
        workers: Threads that make batches.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int | None = None,
        workers: int = 1,
    ):
        super().__init__(workers=workers)
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.share(1)

    def share(self, devices: int) -> None:
        """Makes each batch a multiple of the devices that share it.

        Of the last one: what is over at the end of an epoch is left out.
        """
        if self.count < devices:
            raise ValueError(
                f"{devices} devices cannot share {self.count} images: there "
                "must be one for each"
            )
        self.used = self.count - self.count % devices
        self.starts = list(range(0, self.used, self.batch_size))
        if len(self.starts) > 1 and self.starts[-1] == self.used - 1:
            self.starts.pop()
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Sets the order of an epoch, counted from 0."""
        self.epoch = epoch
        order = np.arange(self.count)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        self.order = np.split(order[: self.used], self.starts[1:])

    def __len__(self) -> int:
        return len(self.starts)


class Batches(OrderedBatches):
    """Batches of a part.

    Args:
        part: Images and labels.
        batch_size: As of `OrderedBatches`.
        preprocess: Function from uint8 images to what the model reads.
        seed: As of `OrderedBatches`.
        data_format: Of the model; images in memory are channels last.
        workers: Threads that make batches.
    """

    def __init__(
        self,
        part: Part,
        batch_size: int,
        preprocess: Callable[[np.ndarray], np.ndarray],
        seed: int | None = None,
        data_format: str = "channels_last",
        workers: int = 1,
    ):
        super().__init__(len(part), batch_size, seed, workers)
        self.part = part
        self.preprocess = preprocess
        self.data_format = data_format

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index]
        images = self.preprocess(self.part.images[chosen])
        return arranged(images, self.data_format), self.part.labels[chosen]


class StartEpochs(keras.callbacks.Callback):
    """Tells batches which epoch begins.

    The data set's own `on_epoch_begin` is called after the workers have
    started, and its `on_epoch_end` also before the first epoch.
    """

    def __init__(self, batches: OrderedBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Shuffles before the first batch is made."""
        self.batches.start_epoch(epoch)
