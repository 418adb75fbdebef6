"""Builds and loads networks of this task."""

from pathlib import Path

import keras
import numpy as np

from applications.common import saved
from applications.common.batches import input_shape
from applications.common.classifiers import Classifier
from applications.common.crops import centre
from applications.common.schedules import learning_rate
from applications.feature_visualization.config import Config
from keras_attn.applications import ZFNet, zfnet
from keras_attn.layers import MeanImage

MEAN = "mean_image"
# Layers that have the paper's weights at first, whatever is asked for.
_KEPT = ("stage1_conv", "classifier")


def build_model(config: Config, classes: int, steps: int) -> keras.Model:
    """Builds and compiles ZF-Net behind a mean image, which is still 0.

    Args:
        config: Settings of the run.
        classes: Number of classes.
        steps: Batches of an epoch, by which the schedule is stretched.
    """
    shape = input_shape(config.seen, config.seen, config.channels)
    image = keras.Input(shape, name="image")
    limit = config.constraint
    model = ZFNet(
        input_tensor=MeanImage(name=MEAN)(image),
        classes=classes,
        small_images=True,
        filters=config.filter_list,
        units=config.units,
        dropout=config.dropout,
        normalization=config.normalization,
        kernel_constraint=zfnet.FilterRMSConstraint(limit) if limit else None,
        # On PyTorch, only dropout with a seed has a state to go on from.
        seed=config.seed,
    )
    if config.initializer == "he":
        _initialize(model)
    model.compile(
        keras.optimizers.SGD(
            learning_rate(config, steps),
            momentum=config.momentum,
            weight_decay=config.weight_decay or None,
        ),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _initialize(model: keras.Model) -> None:
    """Draws kernels anew, with a variance of 2 over the inputs of each.

    With a deviation of 0.01 everywhere, a narrow network hands on next to
    nothing: after 150 steps it has learnt nothing either. The first and the
    last kernel stay: that deviation suits images within some 128 of 0, and
    the network is to start without an opinion.
    """
    for layer in model.layers:
        if hasattr(layer, "kernel") and layer.name not in _KEPT:
            kernel = keras.initializers.HeNormal()(tuple(layer.kernel.shape))
            layer.kernel.assign(kernel)


def load_model(folder: Path) -> Classifier:
    """Loads the model of a run's folder, or a `.keras` file in such a one.

    It reads images in [0, 255] of the size of a crop, takes their mean image
    away in its first layer, `mean_image`, and returns probabilities.
    """
    path = saved.model_file(folder)
    facts, config = saved.facts_of(path, Config)
    model = saved.image_model(path)
    shape = model.input_shape[1:]
    if MEAN not in [layer.name for layer in model.layers]:
        raise ValueError(f"{path}: the model has no layer {MEAN}")
    if set(shape) - {config.channels, config.seen}:
        raise ValueError(
            f"{path}: the model reads {shape}; its run has images of "
            f"{config.seen} pixels a side and {config.channels} channels"
        )
    saved.check_classes(path, model, facts["class_names"])

    def preprocess(images: np.ndarray) -> np.ndarray:
        return centre(images, config.seen).astype("float32")

    return Classifier(model, facts["class_names"], config, folder, preprocess)
