"""The classes to explain if no targets are given."""

from typing import Any

import numpy as np

from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import Target, resolve


def best_classes(network: Network, inputs: Inputs) -> np.ndarray:
    """Returns the classes that maps explain by default.

    They are found from scores, since several probabilities may round to 1.
    """
    target = resolve(None, len(inputs), network.trace(inputs).classes)
    return in_batches(
        len(inputs),
        inputs.batch_size,
        lambda indices: network.forward(inputs.take(indices), target).classes,
    )


def fixed_target(network: Network, inputs: Inputs, targets: Any) -> Target:
    """Returns a target that does not change when the images are altered."""
    if targets is None:
        targets = best_classes(network, inputs)
    return resolve(targets, len(inputs), network.trace(inputs).classes)
