"""Learning rate schedules."""

from typing import Any

import keras

Rate = float | keras.optimizers.schedules.LearningRateSchedule


def learning_rate(config: Any, steps: int) -> Rate:
    """Returns the learning rate of some settings, or its schedule.

    Args:
        config: Settings with `schedule`, `"cosine"` or constant, and
            optionally `warmup_epochs`.
        steps: Batches per epoch.
    """
    rate, warmup = config.learning_rate, getattr(config, "warmup_epochs", 0)
    if config.schedule == "cosine":
        return cosine(rate, config.epochs, steps, warmup)
    if warmup:
        warmup *= steps
        return keras.optimizers.schedules.PolynomialDecay(0.0, warmup, rate)
    return rate


def cosine(
    rate: float, epochs: int, steps: int, warmup_epochs: int = 0
) -> keras.optimizers.schedules.CosineDecay:
    """Returns a rate that rises linearly from 0 and decays as a cosine to 0.

    Args:
        rate: Highest learning rate.
        epochs: Epochs of the whole run.
        steps: Batches per epoch.
        warmup_epochs: Epochs in which the rate rises.
    """
    warmup = warmup_epochs * steps
    rest = epochs * steps - warmup
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(rate, rest)
    return keras.optimizers.schedules.CosineDecay(
        0.0, rest, warmup_target=rate, warmup_steps=warmup
    )
