"""Finds and shuffles the weights of each layer."""

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
    """Returns the indices of each layer's variables, last call first.

    These are the layer's own variables and those of sublayers whose calls are
    not traced.
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
            # Two layers may have the same path.
            found.setdefault(path, []).extend(own)
    if not found:
        raise ValueError(
            "The model must have weights to shuffle. "
            f"Received: the model {model.name!r}, which has none"
        )
    return found


def _weights(operation: keras.Operation) -> list[keras.Variable]:
    """Returns all weights, without the states of seeds and metrics."""
    return getattr(operation, "weights", [])


def shuffled_like(
    name: str, tensor: Any, generator: np.random.Generator
) -> Any:
    """Returns a weight with its entries in random order."""
    numbers = ops.convert_to_numpy(tensor)
    order = generator.permutation(numbers.size)
    shuffled = numbers.reshape(-1)[order].reshape(numbers.shape)
    if name == "moving_variance":
        # Channels of shuffled filters have similar variances. Divided by the
        # variances of other channels, activations grow from layer to layer,
        # in a ResNet50 to infinity.
        shuffled = np.full_like(numbers, numbers.mean())
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return ops.convert_to_tensor(shuffled, dtype)
