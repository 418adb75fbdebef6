"""Listens to the layers of a model while it runs."""

import itertools
from collections.abc import Callable
from typing import Any

import keras

from keras_attn.explain.running.stand_ins import Change, around

# What is done with the outputs of a layer: gets the number of the call, its
# arguments by place and by name, and its outputs; returns the outputs to go on
# with.
After = Callable[[int, tuple, dict, Any], Any]


def listening(after: After) -> Change:
    """Returns a change by which a layer is listened to."""
    count = itertools.count()

    def listened(call: Callable, *args: Any, **kwargs: Any) -> Any:
        return after(next(count), args, kwargs, call(*args, **kwargs))

    return around(listened)


def keeping(number: int | None, found: list[Any]) -> Change:
    """Returns a change by which the first output of a call is kept.

    Of each call, if `number` is `None`.
    """

    def keep(count: int, args: tuple, named: dict, outputs: Any) -> Any:
        if number in (None, count):
            found.append(copied(outputs))
        return outputs

    return listening(keep)


def copied(outputs: Any) -> Any:
    """Returns the first of some outputs in float32.

    Not itself: what follows may overwrite it.
    """
    return keras.ops.cast(first_tensor(outputs), "float32") + 0.0


def first_tensor(outputs: Any) -> Any:
    """Returns what counts as the output of a layer that has several."""
    return keras.tree.flatten(outputs)[0]


def with_first(outputs: Any, tensor: Any) -> Any:
    """Returns the outputs with another first tensor."""
    rest = keras.tree.flatten(outputs)[1:]
    return keras.tree.pack_sequence_as(outputs, [tensor, *rest])
