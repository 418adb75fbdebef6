"""Divides the learning rate by ten when the loss stops falling."""

from collections.abc import Sequence
from typing import Any

import keras

from applications.common.resume import ResumableTraining

FACTOR = 0.1


def rate_after(losses: Sequence[float], rate: float, patience: int) -> float:
    """Returns the learning rate after the losses so far.

    The paper divides the rate "when the validation error plateaus". Here this
    is after `patience` consecutive epochs without a new lowest loss. NaN is
    never lower.

    Args:
        losses: Losses of all epochs, in order.
        rate: Initial learning rate.
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
    """Sets the learning rate of each epoch from the history of the run.

    Keras' `ReduceLROnPlateau` has internal counters, which are lost when a run
    is killed.

    Args:
        training: Callback that has the history; `fit` needs it too.
        monitor: Name of the loss.
        rate: Initial learning rate.
        patience: As in `rate_after`.
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
