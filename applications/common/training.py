"""Trains a model in a folder; each task prepares the model and the data."""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from applications.common import devices, locks, resume, runs
from applications.common.batches import OrderedBatches, StartEpochs
from applications.common.parts import Data
from applications.common.results import Result
from applications.common.settings import Settings

MONITOR = "val_accuracy"


@dataclasses.dataclass(frozen=True)
class Run:
    """Where and how to train: options that do not change the result.

    Attributes:
        folder: Folder for the model, the log and the state.
        restart: Whether to delete an existing run.
        workers: Threads that make batches.
        verbose: As in `fit`.
        distribute: One of `devices.DISTRIBUTIONS`.
    """

    folder: Path
    restart: bool = False
    workers: int = 1
    verbose: int | str = "auto"
    distribute: str = "none"

    @property
    def begins(self) -> bool:
        """Whether the run starts from the beginning."""
        return self.restart or not (self.folder / runs.STATE).exists()

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> "Run":
        """Returns the run that the options of `add_run_options` describe."""
        return cls(
            options.output,
            options.restart,
            options.workers,
            options.verbose,
            options.distribute,
        )


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Model and data that a task trains.

    Attributes:
        model: Compiled model, built by `resume.build_all`.
        batches: Training batches.
        validation: Validation batches, or `None`.
        callbacks: Callbacks in addition to those of every training.
        class_weight: As in `fit`.
        kept: Model to save, if `model` is only a part of it; `None` for
            `model`.
        begin: Function to call before the first epoch, but not when a run
            resumes.
    """

    model: keras.Model
    batches: OrderedBatches
    validation: OrderedBatches | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    class_weight: dict[int, float] | None = None
    kept: keras.Model | None = None
    begin: Callable[[], Any] | None = None


def train(
    config: Settings,
    facts: dict[str, Any],
    run: Run,
    prepare: Callable[[resume.ResumableTraining], Prepared],
    monitor: str | None = None,
    early_stopping: keras.callbacks.EarlyStopping | None = None,
) -> Result:
    """Trains from the start, or resumes the run in the folder.

    Args:
        config: Settings. A run resumes only with the same settings, `facts`
            and backend.
        facts: Other facts that determine the result, such as a digest of the
            data.
        run: Where and how to train.
        prepare: Function that makes the model and the batches, given the
            callback that saves the state. It is called after seed and
            precision are set, and not for a finished run.
        monitor: Metric to choose the best model by, higher is better; `None`
            to save the model of the last epoch.
        early_stopping: Callback that stops the training, or `None`.
    """
    with devices.distributed(run.distribute) as used:
        # Before files of an older run are deleted.
        used.check(config.batch_size)
        with locks.locked(run.folder):
            started = {"settings": config.to_dict(), **facts}
            started["backend"] = keras.backend.backend()
            runs.open_run(run.folder, started, run.restart)
            training = resume.ResumableTraining(
                run.folder, config.epochs, monitor, early_stopping
            )
            if training.finished:
                _check_model(run.folder)
                return Result(training.history, was_finished=True)
            if config.mixed_precision != "none":
                keras.config.set_dtype_policy(f"mixed_{config.mixed_precision}")
            keras.utils.set_random_seed(config.seed)
            made = prepare(training)
            training.kept = made.kept
            epoch = training.restore(made.model)
            if epoch:
                print(f"resuming after epoch {epoch} of {config.epochs}")
            elif made.begin is not None:
                made.begin()
            _fit(made, config, training, used, epoch, run.verbose)
    return Result(training.history, was_finished=False)


def train_classifier(
    config: Settings,
    data: Data,
    run: Run,
    prepare: Callable[[resume.ResumableTraining], Prepared],
    facts: dict[str, Any] | None = None,
    early_stopping: keras.callbacks.EarlyStopping | None = None,
) -> Result:
    """Trains a classifier, as `train` does.

    With validation images, the model with the best validation accuracy is
    saved, otherwise the model of the last epoch. Choosing by the test images
    would bias their accuracy.
    """
    monitor = MONITOR if data.validates else None
    facts = {**facts_of(data), **(facts or {})}
    return train(config, facts, run, prepare, monitor, early_stopping)


def facts_of(data: Data) -> dict[str, Any]:
    """Returns the facts of a run about its data."""
    return {"class_names": data.class_names, "data_digest": data.digest()}


def _check_model(folder: Path) -> None:
    """Checks that a finished run still has its model."""
    path = folder / runs.MODEL
    if not path.is_file():
        raise ValueError(
            f"{path}: missing, although this run is finished. {runs.REMEDY}"
        )


def _fit(
    made: Prepared,
    config: Settings,
    training: resume.ResumableTraining,
    used: devices.Devices,
    epoch: int,
    verbose: int | str,
) -> None:
    """Trains from the given epoch."""
    batches, validation = made.batches, made.validation
    for each in (batches, validation):
        if each is not None:
            each.share(used.count)
    stopping = training.early_stopping
    callbacks = [] if stopping is None else [stopping]
    callbacks += [training, *made.callbacks]
    steps = None
    if used.feed is None:
        callbacks.insert(0, StartEpochs(batches))
    else:
        steps = len(batches)
        batches = used.feed(batches, epoch)
        if validation is not None:
            validation = used.feed(validation, None)
    made.model.fit(
        batches,
        validation_data=validation,
        initial_epoch=epoch,
        epochs=config.epochs,
        steps_per_epoch=steps,
        class_weight=made.class_weight,
        callbacks=callbacks,
        # Keras would shuffle with a generator whose state is not saved.
        shuffle=False,
        verbose=verbose,
    )
