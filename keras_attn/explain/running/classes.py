"""The classes that are explained where none is given."""

from typing import Any

import numpy as np

from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import Target, resolve


def best_classes(network: Network, inputs: Inputs) -> np.ndarray:
    """Returns the classes that maps without targets explain.

    By the scores, as there: of probabilities, several may be rounded to 1.
    """
    target = resolve(None, len(inputs), network.trace(inputs).classes)
    return in_batches(
        len(inputs),
        inputs.batch_size,
        lambda indices: network.forward(inputs.take(indices), target).classes,
    )


def fixed_target(network: Network, inputs: Inputs, targets: Any) -> Target:
    """Returns the target that stays, whatever is done to the images."""
    if targets is None:
        targets = best_classes(network, inputs)
    return resolve(targets, len(inputs), network.trace(inputs).classes)
