"""Views of pictures to train on, and batches of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from applications.common.batches import OrderedBatches, arranged
from applications.semantic_segmentation.augment import random_crop
from applications.semantic_segmentation.scenes import IGNORE, Scene
from keras_attn.applications import deeplab

# Ranges of scales: the scale of the picture, and 0.5 to 1.5 times that.
SAME, VARIED = (1.0, 1.0), (0.5, 1.5)
Piece = tuple[np.ndarray, np.ndarray]


class View(NamedTuple):
    """A fixed crop of a scene."""

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
    """Crops a view: the first is unscaled, the others are scaled at random.

    The crop does not depend on the seed of a run, so that all runs can share
    the features of frozen layers.
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
    """Turns channels-last uint8 images into the input of the network."""
    images = deeplab.preprocess_input(images, "channels_last")
    return np.ascontiguousarray(arranged(images, data_format))


def class_weights(masks: Sequence[np.ndarray], classes: int) -> list[float]:
    """Computes class weights, one over the square root of the frequency.

    The weights are scaled so that their mean over the pixels is 1. A class
    without pixels has the weight 0.
    """
    counts = np.zeros(256, "int64")
    for mask in masks:
        counts += np.bincount(mask.ravel(), minlength=256)
    shares = counts[:classes] / counts[:IGNORE].sum()
    weights = np.where(shares > 0, np.maximum(shares, 1e-12) ** -0.5, 0.0)
    return [float(weight) for weight in weights / (weights * shares).sum()]


class Crops(OrderedBatches):
    """Batches of random crops, one of each scene per epoch.

    Args:
        scenes: Scenes to crop.
        size: Height and width of a crop.
        batch_size: Crops per batch.
        seed: Seed of the order and the crops; `None` for the same unscaled
            crops in each epoch.
        labels_for: Function from masks to labels for `fit`.
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
    """Batches of the cached features of frozen layers.

    Args:
        arrays: Features `(views, ...)`, one array for each input of the
            remaining layers.
        masks: Masks of the views, uint8 `(views, height, width)`.
        batch_size: Views per batch.
        seed: Seed of the order; `None` for the order of the arrays.
        labels_for: Function from masks to labels for `fit`.
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
