"""Feeds images to Keras on any backend, in a reproducible order."""

from collections.abc import Callable

import keras
import numpy as np

from applications.common.parts import Part


def input_shape(
    height: int | None, width: int | None, channels: int
) -> tuple[int | None, ...]:
    """Returns the shape of an image in Keras' data format."""
    if keras.config.image_data_format() == "channels_first":
        return (channels, height, width)
    return (height, width, channels)


def arranged(images: np.ndarray, data_format: str) -> np.ndarray:
    """Returns channels-last images in the data format of a network."""
    first = data_format == "channels_first"
    return np.moveaxis(images, -1, 1) if first else images


class OrderedBatches(keras.utils.PyDataset):
    """Batches whose order depends only on the seed and the epoch.

    Subclasses make a batch of the images whose indices are in `order`.

    Args:
        count: Number of images.
        batch_size: Images per batch. A single image that is left over joins
            the last batch, since batch normalisation needs two.
        seed: Seed to shuffle with in each epoch; `None` keeps the order.
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
        """Makes the size of each batch a multiple of the devices.

        Images that do not fit into the last batch of an epoch are left out.
        """
        if self.count < devices:
            raise ValueError(
                f"{devices} devices cannot share {self.count} images. Each "
                "device needs at least one image"
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
    """Batches of a part of the data.

    Args:
        part: Images and labels.
        batch_size: As in `OrderedBatches`.
        preprocess: Function from uint8 images to the input of the model.
        seed: As in `OrderedBatches`.
        data_format: Data format of the model; images in memory are channels
            last.
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
    """Tells the batches which epoch begins.

    Keras calls `on_epoch_begin` of the data set after the workers have
    started, and `on_epoch_end` also before the first epoch.
    """

    def __init__(self, batches: OrderedBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Shuffles before the first batch is made."""
        self.batches.start_epoch(epoch)
