"""Divides the learning rate by ten when the loss stops falling."""

from collections.abc import Sequence
from typing import Any

import keras

from applications.common.resume import ResumableTraining

FACTOR = 0.1


def rate_after(losses: Sequence[float], rate: float, patience: int) -> float:
    """Returns the learning rate that follows from the losses so far.

    As the paper has it, "when the validation error plateaus": after
    `patience` epochs in a row none of which is below the lowest loss before.
    What is not a number is not below.

    Args:
        losses: Of each epoch, the first one first.
        rate: To start with.
        patience: Number of epochs.
    """
    best, waited = float("inf"), 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
            continue
        waited += 1
        if waited == patience:
            rate, waited = FACTOR * rate, 0
    return rate


class Plateau(keras.callbacks.Callback):
    """Sets the learning rate of each epoch, by the history of the run alone.

    Keras' `ReduceLROnPlateau` has counters of its own, which a run that was
    killed has lost.

    Args:
        training: Keeps the history, and is given to `fit` too.
        monitor: Name of the loss.
        rate: Learning rate to start with.
        patience: As of `rate_after`.
    """

    def __init__(
        self,
        training: ResumableTraining,
        monitor: str,
        rate: float,
        patience: int,
    ):
        super().__init__()
        self.training = training
        self.monitor = monitor
        self.rate = rate
        self.patience = patience

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Sets the learning rate."""
        losses = [row[self.monitor] for row in self.training.history]
        self.model.optimizer.learning_rate = rate_after(
            losses, self.rate, self.patience
        )
