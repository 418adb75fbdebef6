"""Training in a folder, of which each task prepares what is trained."""

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
    """Where and how to train: what does not change the result.

    Attributes:
        folder: For the model, the log and the state.
        restart: Whether to remove a run that is there.
        workers: Threads that make batches.
        verbose: As of `fit`.
        distribute: One of `devices.DISTRIBUTIONS`.
    """

    folder: Path
    restart: bool = False
    workers: int = 1
    verbose: int | str = "auto"
    distribute: str = "none"

    @property
    def begins(self) -> bool:
        """Whether there is nothing to go on from, or that is to be removed."""
        return self.restart or not (self.folder / runs.STATE).exists()

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> "Run":
        """Takes out of parsed options what `add_run_options` has added."""
        return cls(
            options.output,
            options.restart,
            options.workers,
            options.verbose,
            options.distribute,
        )


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What a task trains, and with what.

    Attributes:
        model: Compiled, and built by `resume.build_all`.
        batches: To train on.
        validation: To validate on, or `None`.
        callbacks: Besides those that every training has.
        class_weight: As of `fit`.
        kept: Model to save, of which `model` is a part; `None` for `model`.
        begin: Called before the first epoch of a run, not of one gone on
            with.
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
    """Trains, from the start or from where the folder's run was.

    Args:
        config: Settings; with `facts` and the backend they are those of a run
            that is gone on with.
        facts: What else decides the result, such as a digest of the data.
        run: Where and how.
        prepare: Makes what is trained, given what keeps its state. It is
            called once seed and precision are set, and not for a run that was
            finished.
        monitor: Metric by which the best model is kept, where more is better,
            or `None` to keep the model of the last epoch.
        early_stopping: Callback that stops, or `None`.
    """
    with devices.distributed(run.distribute) as used:
        # Before anything of an older run is removed.
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
                print(f"going on after epoch {epoch} of {config.epochs}")
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

    With validation images the model of the best validation accuracy is kept;
    without, that of the last epoch: a choice by test images would flatter.
    """
    monitor = MONITOR if data.validates else None
    facts = {**facts_of(data), **(facts or {})}
    return train(config, facts, run, prepare, monitor, early_stopping)


def facts_of(data: Data) -> dict[str, Any]:
    """Returns what the facts of a run tell of its data."""
    return {"class_names": data.class_names, "data_digest": data.digest()}


def _check_model(folder: Path) -> None:
    """Checks that a finished run still has what it was for."""
    path = folder / runs.MODEL
    if not path.is_file():
        raise ValueError(
            f"{path}: missing, though this run was finished; {runs.REMEDY}"
        )


def _fit(
    made: Prepared,
    config: Settings,
    training: resume.ResumableTraining,
    used: devices.Devices,
    epoch: int,
    verbose: int | str,
) -> None:
    """Trains from an epoch on."""
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
        # Keras would shuffle by a generator that no state is kept of.
        shuffle=False,
        verbose=verbose,
    )
