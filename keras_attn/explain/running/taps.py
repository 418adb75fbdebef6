"""Listens to the layers of a model while it runs."""

import itertools
from collections.abc import Callable
from typing import Any

import keras

from keras_attn import backend
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.stand_ins import Change, Changes, around

# What is done with the outputs of a layer: gets the number of the call, its
# arguments by place and by name, and its outputs; returns the outputs to go on
# with.
After = Callable[[int, tuple, dict, Any], Any]
# Runs a model with changed layers.
Run = Callable[[Changes], Any]


def hearing(
    network: Any,
    inputs: Inputs,
    key: tuple[Any, ...],
    function: Callable[[Run], Any],
) -> Callable[[Inputs], Any]:
    """Returns what listens to a model, compiled once for a key.

    Args:
        network: A `Network`.
        inputs: Such as it will be given.
        key: What the function depends on.
        function: Is given a function that runs the model with changed layers,
            and returns tensors. It may not hold the model.
    """

    def make() -> Callable:
        weak, pack = network.weak(), inputs.frame().pack
        return backend.inference(
            lambda values, leaves: function(
                lambda changes: weak.run(values, pack(leaves), changes)
            )
        )

    compiled = network.remembered(inputs, key, make)
    return lambda part: network.on_values(compiled, part.tensors())


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
