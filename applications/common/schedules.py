"""Learning rates that change with the steps."""

import keras


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
