"""Batches to train a classifier on: augmented, with labels that mix."""

import keras
import numpy as np

from applications.common.batches import OrderedBatches
from applications.common.crops import Crops
from applications.common.parts import Part
from applications.image_classification.config import Config


class Images(Crops):
    """Batches of images in [0, 255] and of labels `(batch, classes)`.

    To train on, they are shifted and mirrored, then changed by Keras'
    `RandAugment`, then mixed by its `MixUp`. What happens to a batch is
    decided by the seed, the epoch and its number alone.

    Args:
        part: Images and labels.
        config: Settings of the run.
        classes: Number of classes.
        training: Whether they are to train on: in a random order, augmented.
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
        # Made anew for each batch: their own generators would go on in the
        # order in which threads happen to come.
        seeds = np.random.default_rng([self.seed, self.epoch, index + 1, 1])
        first, second = seeds.integers(2**31, size=2).tolist()
        config = self.config
        if config.rand_augment:
            images = self._rand_augmented(images, first)
        if config.mixup:
            mix = keras.layers.MixUp(config.mixup, seed=second, dtype="float32")
            both = mix({"images": images, "labels": labels}, training=True)
            images, labels = map(
                keras.ops.convert_to_numpy, (both["images"], both["labels"])
            )
        return images, labels

    def _rand_augmented(self, images: np.ndarray, seed: int) -> np.ndarray:
        layer = keras.layers.RandAugment(
            (0, 255),
            factor=self.config.rand_augment,
            seed=seed,
            data_format=self.data_format,
            dtype="float32",
        )
        changed = keras.ops.convert_to_numpy(layer(images, training=True))
        # Some of the changes leave the range.
        return np.clip(changed, 0, 255)


class Features(OrderedBatches):
    """Batches of what a frozen network sees, and of labels.

    Args:
        features: `(images, numbers)`.
        labels: `(images, classes)`.
        batch_size: As of `OrderedBatches`.
        seed: As of `OrderedBatches`.
    """

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        seed: int | None,
    ):
        super().__init__(len(labels), batch_size, seed)
        self.features = features
        self.labels = labels

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index]
        return self.features[chosen], self.labels[chosen]


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Returns float32 labels `(images, classes)`."""
    return np.eye(classes, dtype="float32")[labels]
