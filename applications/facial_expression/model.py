"""Builds and loads networks of this task."""

from pathlib import Path

import keras

from applications.common import runs, saved
from applications.common.batches import input_shape
from applications.common.classifiers import Classifier
from applications.common.schedules import learning_rate
from applications.facial_expression.config import Config

# Registers the layers that a saved model needs.
from keras_attn.applications import FERNet, fernet


def build_model(config: Config, classes: int, steps: int) -> keras.Model:
    """Builds and compiles FERNet, with augmentation if `config` says so.

    Args:
        config: Settings of the run.
        classes: Number of classes.
        steps: Batches per epoch, which scale the schedule.
    """
    image = keras.Input(input_shape(*config.shape), name="image")
    x = augmented(image, config.seed) if config.augment else image
    activation = config.attention_activation
    model = FERNet(
        input_tensor=x,
        classes=classes,
        ratio=config.ratio,
        attention_activation=None if activation == "none" else activation,
    )
    model.compile(
        keras.optimizers.Adam(learning_rate(config, steps)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def augmented(image: keras.KerasTensor, seed: int) -> keras.KerasTensor:
    """Augments images at random in training only.

    The layers are part of the model, so that their random states are saved
    with it, and a saved model needs no other preprocessing.
    """
    # float32, since bfloat16 cannot represent all pixel positions above 256.
    common = {"dtype": "float32"}
    moved = {**common, "fill_mode": "nearest"}
    toned = {**common, "value_range": (0, 1)}
    layers = keras.layers
    for layer in (
        layers.RandomFlip("horizontal", seed=seed, **common),
        layers.RandomTranslation(0.08, 0.08, seed=seed + 1, **moved),
        layers.RandomRotation(0.03, seed=seed + 2, **moved),
        layers.RandomContrast(0.2, seed=seed + 3, **toned),
        layers.RandomBrightness(0.1, seed=seed + 4, **toned),
    ):
        # Translation and rotation do not support compilation on TensorFlow,
        # but do on JAX, where it makes the training four times faster.
        layer.supports_jit |= keras.backend.backend() == "jax"
        image = layer(image)
    return image


def load_model(path: Path, class_names: list[str] | None = None) -> Classifier:
    """Loads a `.keras` file, or the model in the folder of a run.

    Args:
        path: File or folder. `run.json` next to the model has the class names
            and the settings.
        class_names: Class names to use instead.
    """
    path = saved.model_file(path)
    model = saved.image_model(path)
    config = Config()
    if (path.parent / runs.FACTS).exists():
        facts, config = saved.facts_of(path, Config)
        class_names = class_names or facts["class_names"]
    if not class_names:
        raise ValueError(
            f"{path}: there is no {runs.FACTS} next to it. Pass --class-names"
        )
    saved.check_classes(path, model, class_names)
    return Classifier(
        model, list(class_names), config, path, fernet.preprocess_input
    )
