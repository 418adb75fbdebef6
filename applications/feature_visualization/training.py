"""Trains a network, from the start or from where it was."""

from pathlib import Path

import keras

from applications.common import resume, runs
from applications.common.batches import StartEpochs
from applications.common.parts import Data, Part
from applications.common.results import Result
from applications.feature_visualization.config import Config
from applications.feature_visualization.crops import Crops
from applications.feature_visualization.model import MEAN, build_model
from applications.feature_visualization.plateau import Plateau

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
    facts = {
        "settings": config.to_dict(),
        "backend": keras.backend.backend(),
        "class_names": data.class_names,
        "data_digest": data.digest(),
    }
    runs.open_run(folder, facts, restart)
    training = resume.ResumableTraining(
        folder, config.epochs, MONITOR if has_validation else None
    )
    if training.finished:
        return Result(training.history, was_finished=True)
    if config.mixed_precision != "none":
        keras.config.set_dtype_policy(f"mixed_{config.mixed_precision}")
    keras.utils.set_random_seed(config.seed)
    batches = _batches(config, data.train, config.seed, workers)
    validation = None
    if has_validation:
        validation = _batches(config, data.validation, None, workers)
    model = build_model(config, len(data.class_names), len(batches))
    resume.build_all(model)
    epoch = training.restore(model)
    if epoch:
        print(f"going on after epoch {epoch} of {config.epochs}")
    else:
        # Of the centres, whatever the crops that chance would choose.
        centres = _batches(config, data.train, None, workers=1)
        model.get_layer(MEAN).adapt(centres)
    callbacks = [StartEpochs(batches), training]
    if config.schedule == "plateau":
        loss = "val_loss" if has_validation else "loss"
        callbacks.append(
            Plateau(training, loss, config.learning_rate, config.patience)
        )
    model.fit(
        batches,
        validation_data=validation,
        initial_epoch=epoch,
        epochs=config.epochs,
        callbacks=callbacks,
        # Keras would shuffle by a generator that no state is kept of.
        shuffle=False,
        verbose=verbose,
    )
    return Result(training.history, was_finished=False)


def _batches(
    config: Config, part: Part, seed: int | None, workers: int
) -> Crops:
    """Returns random crops of a part, or without a seed, its centres."""
    return Crops(
        part,
        config.batch_size,
        config.crop,
        seed,
        keras.config.image_data_format(),
        workers,
    )
