"""Batches of augmented images with soft labels, to train a classifier."""

import keras
import numpy as np

from applications.common.crops import Crops
from applications.common.parts import Part
from applications.image_classification.config import Config


class Images(Crops):
    """Batches of images in [0, 255] and labels `(batch, classes)`.

    Training images are shifted and mirrored, then changed by Keras'
    `RandAugment`, then mixed (mixup, Zhang et al. 2018). The result depends
    only on the seed, the epoch and the index of the batch.

    Args:
        part: Images and labels.
        config: Settings of the run.
        classes: Number of classes.
        training: Whether to shuffle and augment the images.
        workers: Threads that make batches.
    """

    def __init__(
        self,
        part: Part,
        config: Config,
        classes: int,
        training: bool,
        workers: int = 1,
    ):
        is_moved = training and (config.padding or config.mirror)
        super().__init__(
            part,
            config.batch_size,
            config.size if is_moved else 0,
            config.seed if training else None,
            keras.config.image_data_format(),
            workers,
            config.padding,
            config.mirror,
        )
        self.config = config
        self.labels = one_hot(part.labels, classes)
        self.training = training

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        images, _ = super().__getitem__(index)
        labels = self.labels[self.order[index]]
        if not self.training:
            return images, labels
        # One generator per batch: a shared one would depend on the order of
        # the threads.
        random = np.random.default_rng([self.seed, self.epoch, index + 1, 1])
        if self.config.rand_augment:
            images = self._rand_augmented(images, int(random.integers(2**31)))
        if self.config.mixup:
            images, labels = self._mixed(images, labels, random)
        return images, labels

    def _mixed(self, images, labels, random):
        # Not Keras' `MixUp`: on PyTorch its beta distribution seeds the
        # generator that all threads share, including the training.
        count = len(images)
        share = random.beta(self.config.mixup, self.config.mixup, count)
        other = random.permutation(count)

        def mix(x):
            weight = share.astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
            return weight * x + (1 - weight) * x[other]

        return mix(images), mix(labels)

    def _rand_augmented(self, images: np.ndarray, seed: int) -> np.ndarray:
        layer = keras.layers.RandAugment(
            (0, 255),
            factor=self.config.rand_augment,
            seed=seed,
            data_format=self.data_format,
            dtype="float32",
        )
        # Some changes need three colours: on JAX and TensorFlow, Keras 3.14
        # rejects grey images. Three equal channels stay equal.
        axis = -1 if self.data_format == "channels_last" else -3
        is_grey = images.shape[axis] == 1
        colours = np.repeat(images, 3, axis) if is_grey else images
        changed = keras.ops.convert_to_numpy(layer(colours, training=True))
        if is_grey:
            changed = np.take(changed, [0], axis)
        # Some changes leave the range.
        return np.clip(changed, 0, 255)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Returns float32 labels `(images, classes)`."""
    return np.eye(classes, dtype="float32")[labels]
