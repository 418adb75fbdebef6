"""Checkpoints that fit a model and whose network computes something else."""

from collections.abc import Callable, Collection

import keras

RefusalFunction = Callable[[keras.Model, Collection[str], str], str | None]
_functions: list[RefusalFunction] = []


def register_refusal(function: RefusalFunction) -> RefusalFunction:
    """Registers what tells that a checkpoint is of another network.

    To be used as a decorator beside the function that `register_names` takes,
    for what names and shapes that fit do not show.

    Args:
        function: Takes a `keras.Model`, the names in a checkpoint and the
            architecture that it states, or `""`. Returns `None`, also if the
            model is not of its kind, or what the network of the checkpoint
            computes and what to do.

    Returns:
        The function, unchanged.
    """
    _functions.append(function)
    return function


def why_refused(
    target: keras.layers.Layer, names: Collection[str], architecture: str
) -> str | None:
    """Returns why a checkpoint must not be loaded, or `None`."""
    if isinstance(target, keras.Model):
        for function in _functions:
            if (reason := function(target, names, architecture)) is not None:
                return reason
    return None
