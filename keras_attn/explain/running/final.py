"""Finds the layer that turns scores into probabilities."""

import dataclasses
from typing import Any

import keras

from keras_attn.explain.running.stand_ins import Change, around, setting

# Modules whose layers apply their `activation` last.
_OWN = ("keras.", "keras_attn.")
# Layers that change at most the shape of scores.
_TRANSPARENT = (
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Permute,
    keras.layers.Reshape,
)
_ACTIVATIONS = (
    keras.activations.log_softmax,
    keras.activations.sigmoid,
    keras.activations.softmax,
)


@dataclasses.dataclass(frozen=True)
class Final:
    """The layer that turns scores into probabilities.

    Attributes:
        operation: The layer.
        change: Change that makes a stand-in output the scores.
        elementwise: Whether it treats each score separately, as a sigmoid
            does.
        logarithmic: Whether it outputs log probabilities.
        proven: Whether the layer is known to do nothing afterwards.
    """

    operation: keras.Operation
    change: Change
    elementwise: bool
    logarithmic: bool
    proven: bool = True


def find_final(output: Any, seen: list[Any]) -> tuple[Final | None, bool]:
    """Finds the final activation of an output, through reshaping layers.

    Args:
        output: A tensor.
        seen: Calls in the order in which they ended, with their input tensors
            (`given`) and output tensors (`made`).

    Returns:
        The activation or `None`, and whether the layer that made the output
        is known.
    """
    tensor, end = output, len(seen)
    while True:
        # The innermost of nested layers ends first.
        made = [i for i in range(end) if seen[i].made[0] is tensor]
        if not made:
            return None, False
        end = made[0]
        operation = seen[end].call.operation
        tensor = seen[end].given[0] if seen[end].given else None
        activation = getattr(operation, "activation", None)
        is_keras = type(operation).__module__.startswith(_OWN)
        if activation in _ACTIVATIONS:
            found = Final(
                operation,
                setting(activation=keras.activations.linear),
                activation is keras.activations.sigmoid,
                activation is keras.activations.log_softmax,
                is_keras,
            )
            return found, True
        name = type(operation).__name__
        if isinstance(operation, keras.layers.Softmax) or (
            not isinstance(operation, keras.layers.Layer)
            and name in ("LogSoftmax", "Sigmoid", "Softmax")
        ):
            found = Final(
                operation,
                around(lambda call, x, *args, **kwargs: x),
                name == "Sigmoid",
                name == "LogSoftmax",
            )
            return found, True
        linear = isinstance(operation, keras.layers.Activation) and (
            activation is keras.activations.linear
        )
        if not linear and not isinstance(operation, _TRANSPARENT):
            return None, is_keras and (
                hasattr(operation, "kernel")
                and activation in (None, keras.activations.linear)
            )
