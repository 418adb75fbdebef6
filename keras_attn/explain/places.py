"""Which feature map of a model is looked at."""

import keras
from keras import ops

from keras_attn.explain.feature_maps import (
    Place,
    Reshape,
    last_places,
    place_of,
)
from keras_attn.explain.inputs import Inputs
from keras_attn.explain.network import Network
from keras_attn.explain.targets import Target


def place_of_layer(
    network: Network,
    inputs: Inputs,
    layer: keras.Operation,
    call_index: int,
    reshape: Reshape | None,
) -> Place:
    """Returns what a layer puts out in one of its calls.

    Raises:
        ValueError: If it is not called so often, or puts out no map.
    """
    trace = network.trace(inputs)
    calls = [each for each in trace.calls if each.operation is layer]
    try:
        call = calls[call_index]
    except IndexError:
        raise ValueError(
            f"`call_index` must be one of the {len(calls)} calls of the layer "
            f"{layer.name!r} in the model. Received: call_index={call_index}"
        ) from None
    return place_of(trace, call, inputs.size, network.data_format, reshape)


def last_place(network: Network, inputs: Inputs, target: Target) -> Place:
    """Returns the last map whose positions the score depends on."""
    places = last_places(
        network.trace(inputs), inputs.size, network.data_format
    )
    if len(places) == 1:
        return places[0]
    gradients = network.gradients(
        inputs.take([0]), target.take([0]), places
    ).gradients
    for place, gradient in zip(places, gradients, strict=True):
        if ops.any(gradient != 0):
            return place
    return places[0]
