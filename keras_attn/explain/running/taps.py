"""Records the outputs of layers while a model runs."""

import itertools
from collections.abc import Callable
from typing import Any

import keras

from keras_attn import backend
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.stand_ins import Change, Changes, around

# Called after a layer with the call's number, its positional and keyword
# arguments and its outputs. Returns the outputs with which the model continues.
After = Callable[[int, tuple, dict, Any], Any]
# Runs a model with changed layers.
Run = Callable[[Changes], Any]


def hearing(
    network: Any,
    inputs: Inputs,
    key: tuple[Any, ...],
    function: Callable[[Run], Any],
) -> Callable[[Inputs], Any]:
    """Returns a function that records from a model, compiled once per key.

    Args:
        network: A `Network`.
        inputs: Inputs like those of later calls.
        key: Everything that `function` depends on.
        function: Receives a function that runs the model with changed layers,
            and returns tensors. It must not reference the model.
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
    """Returns a change that calls `after` after each call of a layer."""
    count = itertools.count()

    def listened(call: Callable, *args: Any, **kwargs: Any) -> Any:
        return after(next(count), args, kwargs, call(*args, **kwargs))

    return around(listened)


def keeping(number: int | None, found: list[Any]) -> Change:
    """Returns a change that records the first output of a call in `found`.

    If `number` is `None`, the outputs of all calls are recorded.
    """

    def keep(count: int, args: tuple, named: dict, outputs: Any) -> Any:
        if number in (None, count):
            found.append(copied(outputs))
        return outputs

    return listening(keep)


def copied(outputs: Any) -> Any:
    """Returns a float32 copy of the first output.

    A copy is needed because later layers may overwrite the tensor.
    """
    return keras.ops.cast(first_tensor(outputs), "float32") + 0.0


def first_tensor(outputs: Any) -> Any:
    """Returns the first tensor of a layer's outputs."""
    return keras.tree.flatten(outputs)[0]


def with_first(outputs: Any, tensor: Any) -> Any:
    """Returns the outputs with another first tensor."""
    rest = keras.tree.flatten(outputs)[1:]
    return keras.tree.pack_sequence_as(outputs, [tensor, *rest])
