"""What makes probabilities of scores at the end of a model."""

import dataclasses
from typing import Any

import keras

from keras_attn.explain.running.stand_ins import Change, around, setting

# Whose layers end in their `activation`.
_OWN = ("keras.", "keras_attn.")
# What changes the shape of scores, or nothing.
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
    """What makes probabilities of scores.

    Attributes:
        operation: The layer.
        change: What keeps a stand-in of it from doing so.
        elementwise: Whether it takes each score alone, as a sigmoid.
        logarithmic: Whether it makes logarithms of probabilities.
        proven: Whether the layer is one that does nothing after that.
    """

    operation: keras.Operation
    change: Change
    elementwise: bool
    logarithmic: bool
    proven: bool = True


def find_final(output: Any, seen: list[Any]) -> tuple[Final | None, bool]:
    """Looks for what made the output, through what only reshapes it.

    Args:
        output: A tensor.
        seen: Calls in the order in which they ended, each with the tensors
            that were `given` to it and those that it `made`.

    Returns:
        It, and whether the layer that made the output is known.
    """
    tensor, end = output, len(seen)
    while True:
        # The innermost of nested layers ended first.
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
