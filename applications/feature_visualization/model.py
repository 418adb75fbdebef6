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
# Layers whose initial weights are always those of the paper.
_KEPT = ("stage1_conv", "classifier")


def build_model(config: Config, classes: int, steps: int) -> keras.Model:
    """Builds and compiles ZF-Net after a mean image, which is still 0.

    Args:
        config: Settings of the run.
        classes: Number of classes.
        steps: Batches per epoch, which scale the schedule.
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
        # On PyTorch, only dropout with a seed has a state to resume from.
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
    """Initialises kernels with a variance of 2 divided by their inputs.

    With a standard deviation of 0.01 in all layers, the activations of a
    narrow network nearly vanish, and it learns nothing within 150 steps. The
    first and the last kernel are kept: 0.01 suits images within about 128 of
    0, and the initial predictions should be uniform.
    """
    for layer in model.layers:
        if hasattr(layer, "kernel") and layer.name not in _KEPT:
            kernel = keras.initializers.HeNormal()(tuple(layer.kernel.shape))
            layer.kernel.assign(kernel)


def load_model(folder: Path) -> Classifier:
    """Loads the model in the folder of a run, or a `.keras` file in it.

    The model reads images in [0, 255] of the size of a crop, subtracts the
    mean image in its first layer, `mean_image`, and returns probabilities.
    """
    path = saved.model_file(folder)
    facts, config = saved.facts_of(path, Config)
    model = saved.image_model(path)
    shape = model.input_shape[1:]
    if MEAN not in [layer.name for layer in model.layers]:
        raise ValueError(f"{path}: the model has no layer {MEAN}")
    if set(shape) - {config.channels, config.seen}:
        raise ValueError(
            f"{path}: the model must read images of {config.seen} pixels per "
            f"side and {config.channels} channels, as its run. Received: "
            f"{shape}"
        )
    saved.check_classes(path, model, facts["class_names"])

    def preprocess(images: np.ndarray) -> np.ndarray:
        return centre(images, config.seen).astype("float32")

    return Classifier(model, facts["class_names"], config, folder, preprocess)
