"""Rejects checkpoints that fit a model but are of a different network."""

from collections.abc import Callable, Collection

import keras

RefusalFunction = Callable[[keras.Model, Collection[str], str], str | None]
_functions: list[RefusalFunction] = []


def register_refusal(function: RefusalFunction) -> RefusalFunction:
    """Registers a function that detects checkpoints of another network.

    Use it as a decorator beside the function for `register_names`. It covers
    differences that matching names and shapes do not reveal.

    Args:
        function: Takes a `keras.Model`, the names in a checkpoint and the
            architecture that it states, or `""`. Returns `None` if the
            checkpoint fits or the model is of another kind. Otherwise it
            returns what the checkpoint's network computes and what to do.

    Returns:
        The function, unchanged.
    """
    _functions.append(function)
    return function


def why_refused(
    target: keras.layers.Layer, names: Collection[str], architecture: str
) -> str | None:
    """Returns why a checkpoint must not be loaded, or `None` if it may."""
    if isinstance(target, keras.Model):
        for function in _functions:
            if (reason := function(target, names, architecture)) is not None:
                return reason
    return None
