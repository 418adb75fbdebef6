"""Which weights each layer holds, and how they are shuffled."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn.explain.running import structure
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network


def layers_with_weights(
    network: Network, inputs: Inputs
) -> dict[str, list[int]]:
    """Returns which of the model's variables a layer holds, last call first.

    Itself, that is, or in what is called inside of it unseen.
    """
    model = network.model
    calls = [(x.path, x.operation) for x in network.trace(inputs).calls]
    called = {id(operation) for _, operation in calls}
    numbers = {id(v): i for i, v in enumerate(model.variables)}
    found: dict[str, list[int]] = {}
    seen: set[int] = set()
    for path, operation in [*calls, (model.name, model)][::-1]:
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        inner = {
            id(variable)
            for _, each in structure.operations(operation)
            if id(each) in called
            for variable in _weights(each)
        }
        own = [
            numbers.pop(id(variable))
            for variable in _weights(operation)
            if id(variable) in numbers and id(variable) not in inner
        ]
        if own:
            # Nothing keeps two layers from having one path.
            found.setdefault(path, []).extend(own)
    if not found:
        raise ValueError(
            "The model must have weights, or there is nothing to shuffle. "
            f"Received: the model {model.name!r}, without any"
        )
    return found


def _weights(operation: keras.Operation) -> list[keras.Variable]:
    """Returns all but the states of random numbers and of metrics."""
    return getattr(operation, "weights", [])


def shuffled_like(
    name: str, tensor: Any, generator: np.random.Generator
) -> Any:
    """Returns a weight of that name with its numbers in another order."""
    numbers = ops.convert_to_numpy(tensor)
    order = generator.permutation(numbers.size)
    shuffled = numbers.reshape(-1)[order].reshape(numbers.shape)
    if name == "moving_variance":
        # Channels of shuffled filters vary alike. Divided by the variances of
        # others, they grow from layer to layer, in a ResNet50 to infinity.
        shuffled = np.full_like(numbers, numbers.mean())
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return ops.convert_to_tensor(shuffled, dtype)
