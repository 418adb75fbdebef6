"""Trains a network, from the start or from where it was."""

from pathlib import Path

import keras

from applications.common import resume, runs
from applications.common.batches import Batches, StartEpochs
from applications.common.parts import Data, balanced_weights
from applications.common.results import Result
from applications.facial_expression.config import Config
from applications.facial_expression.model import build_model
from keras_attn.applications import fernet

MONITOR = "val_accuracy"


def train_model(
    config: Config,
    data: Data,
    folder: Path,
    restart: bool = False,
    workers: int = 1,
    verbose: int | str = "auto",
) -> Result:
    """Trains, and leaves the model, the log and the state in the folder.

    With validation images the model of the best validation accuracy is kept;
    without, that of the last epoch: a choice by test images would flatter.
    """
    has_validation = data.validation is not None and len(data.validation) > 0
    if config.early_stopping and not has_validation:
        raise ValueError(
            "--early-stopping needs validation images, and the data have "
            "none: --hold-out takes a share of the training images"
        )
    facts = {
        "settings": config.to_dict(),
        "backend": keras.backend.backend(),
        "class_names": data.class_names,
        "data_digest": data.digest(),
    }
    runs.open_run(folder, facts, restart)
    stopping = None
    if config.early_stopping:
        stopping = keras.callbacks.EarlyStopping(
            MONITOR, mode="max", patience=config.early_stopping
        )
    training = resume.ResumableTraining(
        folder, config.epochs, MONITOR if has_validation else None, stopping
    )
    if training.finished:
        return Result(training.history, was_finished=True)
    if config.mixed_precision != "none":
        keras.config.set_dtype_policy(f"mixed_{config.mixed_precision}")
    keras.utils.set_random_seed(config.seed)
    batches, validation = _batches(config, data, workers)
    classes = len(data.class_names)
    model = build_model(config, classes, len(batches))
    resume.build_all(model)
    epoch = training.restore(model)
    if epoch:
        print(f"going on after epoch {epoch} of {config.epochs}")
    weights = None
    if config.class_weights:
        weights = balanced_weights(data.train.labels, classes)
    callbacks = [StartEpochs(batches), *([stopping] if stopping else [])]
    model.fit(
        batches,
        validation_data=validation,
        initial_epoch=epoch,
        epochs=config.epochs,
        class_weight=weights,
        callbacks=[*callbacks, training],
        # Keras would shuffle by a generator that no state is kept of.
        shuffle=False,
        verbose=verbose,
    )
    return Result(training.history, was_finished=False)


def _batches(
    config: Config, data: Data, workers: int
) -> tuple[Batches, Batches | None]:
    """Returns what to train on, shuffled, and what to validate on."""
    common = {
        "preprocess": fernet.preprocess_input,
        "data_format": keras.config.image_data_format(),
        "workers": workers,
    }
    images = data.train.with_mirrored() if config.mirror else data.train
    training = Batches(images, config.batch_size, seed=config.seed, **common)
    if data.validation is None or not len(data.validation):
        return training, None
    return training, Batches(data.validation, config.batch_size, **common)
