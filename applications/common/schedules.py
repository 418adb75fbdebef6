"""Learning rates that change with the steps."""

from typing import Any

import keras

Rate = float | keras.optimizers.schedules.LearningRateSchedule


def learning_rate(config: Any, steps: int) -> Rate:
    """Returns the learning rate of settings, or its schedule over the steps.

    Args:
        config: With `schedule`, where all but cosine are constant, and
            perhaps `warmup_epochs`.
        steps: Batches of an epoch.
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
    """Returns a rate that rises in a line from 0, and falls as a cosine to 0.

    Args:
        rate: At its highest.
        epochs: Of the whole run.
        steps: Batches of an epoch.
        warmup_epochs: In which it rises.
    """
    warmup = warmup_epochs * steps
    rest = epochs * steps - warmup
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(rate, rest)
    return keras.optimizers.schedules.CosineDecay(
        0.0, rest, warmup_target=rate, warmup_steps=warmup
    )
