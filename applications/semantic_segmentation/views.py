"""Which pieces of which pictures are trained on, and what is made of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from applications.common.batches import OrderedBatches, arranged
from applications.semantic_segmentation.augment import random_crop
from applications.semantic_segmentation.scenes import IGNORE, Scene
from keras_attn.applications import deeplab

# What is on the scale of the picture itself, and half as large or again.
SAME, VARIED = (1.0, 1.0), (0.5, 1.5)
Piece = tuple[np.ndarray, np.ndarray]


class View(NamedTuple):
    """A piece of a scene that is always the same."""

    scene: int
    number: int
    mirrored: bool


def views_of(scenes: Sequence[Scene], count: int, mirror: bool) -> list[View]:
    """Returns `count` views of each scene, and their mirror images."""
    return [
        View(index, number, mirrored)
        for index in range(len(scenes))
        for number in range(count)
        for mirrored in ((False, True) if mirror else (False,))
    ]


def read_view(scenes: Sequence[Scene], view: View, size: int) -> Piece:
    """Cuts a view out: the first unscaled, the others as training does it.

    Which piece it is does not depend on the seed of a run, so that what frozen
    layers see of it serves all runs.
    """
    scene = scenes[view.scene]
    rng = np.random.default_rng([view.scene, view.number])
    scales = VARIED if view.number else SAME
    image, mask = random_crop(
        scene.image(), scene.mask(), size, rng, scales, flip=False
    )
    if view.mirrored:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return image, mask


def preprocess(images: np.ndarray, data_format: str) -> np.ndarray:
    """Brings uint8 images, channels last, to what the network reads."""
    images = deeplab.preprocess_input(images, "channels_last")
    return np.ascontiguousarray(arranged(images, data_format))


def class_weights(masks: Sequence[np.ndarray], classes: int) -> list[float]:
    """Weighs classes by one over the root of their share of the pixels.

    Scaled so that the weights of the pixels are 1 on average; a class without
    pixels has the weight 0.
    """
    counts = np.zeros(256, "int64")
    for mask in masks:
        counts += np.bincount(mask.ravel(), minlength=256)
    shares = counts[:classes] / counts[:IGNORE].sum()
    weights = np.where(shares > 0, np.maximum(shares, 1e-12) ** -0.5, 0.0)
    return [float(weight) for weight in weights / (weights * shares).sum()]


class Crops(OrderedBatches):
    """Random crops of each scene, another one in each epoch.

    Args:
        scenes: What is cut up.
        size: Height and width of a crop.
        batch_size: Crops of a batch.
        seed: Of order and crops; `None` for the same ones in each epoch, at
            the scenes' own scale.
        labels_for: Function from masks to what `fit` takes.
        workers: Threads that make batches.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        size: int,
        batch_size: int,
        seed: int | None,
        labels_for: Callable[[np.ndarray], object],
        workers: int = 1,
    ):
        super().__init__(len(scenes), batch_size, seed, workers)
        self.scenes = scenes
        self.size = size
        self.labels_for = labels_for

    def __getitem__(self, index: int) -> tuple[np.ndarray, object]:
        pieces = [self._crop(each) for each in self.order[index]]
        images, masks = map(np.stack, zip(*pieces, strict=True))
        data_format = keras.config.image_data_format()
        return preprocess(images, data_format), self.labels_for(masks)

    def _crop(self, index: int) -> Piece:
        if self.seed is None:
            return read_view(self.scenes, View(index, 0, False), self.size)
        rng = np.random.default_rng([self.seed, self.epoch, index])
        scene = self.scenes[index]
        return random_crop(scene.image(), scene.mask(), self.size, rng, VARIED)


class Features(OrderedBatches):
    """What frozen layers see of each view, read from where it is kept.

    Args:
        arrays: `(views, ...)`, one for each input of the rest.
        masks: uint8 `(views, height, width)`.
        batch_size: Views of a batch.
        seed: Of the order, or `None` for that of the arrays.
        labels_for: Function from masks to what `fit` takes.
        workers: Threads that make batches.
    """

    def __init__(
        self,
        arrays: Sequence[np.ndarray],
        masks: np.ndarray,
        batch_size: int,
        seed: int | None,
        labels_for: Callable[[np.ndarray], object],
        workers: int = 1,
    ):
        super().__init__(len(masks), batch_size, seed, workers)
        self.arrays = arrays
        self.masks = masks
        self.labels_for = labels_for

    def __getitem__(self, index: int) -> tuple[object, object]:
        chosen = self.order[index]
        features = tuple(
            array[chosen].astype("float32") for array in self.arrays
        )
        labels = self.labels_for(self.masks[chosen])
        return features if len(features) > 1 else features[0], labels
