"""Whether a map has to do with what the model has learnt."""

import copy
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.explain.measures.averages import best_classes
from keras_attn.explain.methods.base import ClassActivationMap
from keras_attn.explain.running import structure
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network


@backend.apart
def randomisation_check(
    cam: ClassActivationMap,
    images: Any,
    targets: Any = None,
    batch_size: int = 32,
    *,
    seed: int = 0,
) -> dict[str, float]:
    """Compares maps with those of the model after its weights are shuffled.

    Layer by layer, from the output down, and those before stay as they are
    then: the entries of each weight array change places at random, and moving
    variances become their mean. After each layer, `mean_i rho(L_i, L_i')` is
    Spearman's rank correlation of the maps before and after, with the classes
    of the real model. Close to 1 down to the last layer, a map says nothing
    of what the model has learnt. A method that does not look behind its
    layer, as EigenCAM, stays at 1 until that one is reached.

    Images whose map has no contrast before are left out; a map without
    contrast after counts as 0. The model itself does not change.

    Reference: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018,
        [arXiv:1810.03292](https://arxiv.org/abs/1810.03292), section 3.1, who
        draw the weights as before training. Shuffled, they need no rule of
        each layer for its scale. Arrays of equal numbers, such as biases of
        0, stay.

    Args:
        cam: A `ClassActivationMap`.
        images: Batch of images as its model takes them, or several inputs.
        targets: As `cam` takes them. `None` for the class with the highest
            score on the image, in the real model.
        batch_size: As `cam` takes it. Defaults to 32.
        seed: Integer, 0 or more. The same gives the same. Defaults to 0.

    Returns:
        A dictionary from the paths of the layers that hold weights, in the
        order in which they were shuffled, to correlations in [-1, 1]; NaN if
        a map is not finite. What the model holds itself is under its name.

    Raises:
        ValueError: If `cam` is none, or its model has no weights, or no map
            has contrast, or the seed is negative.

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu", name="last")(inputs)
    >>> x = keras.layers.GlobalAveragePooling2D()(x)
    >>> outputs = keras.layers.Dense(3, use_bias=False, name="head")(x)
    >>> model = keras.Model(inputs, outputs)
    >>> cam = keras_attn.explain.EigenCAM(model)
    >>> images = np.random.default_rng(0).random((2, 32, 32, 3))
    >>> found = keras_attn.explain.randomisation_check(cam, images)
    >>> list(found), round(found["head"], 6)
    (['head', 'last'], 1.0)
    """
    if not isinstance(cam, ClassActivationMap):
        raise ValueError(
            "`cam` must be a ClassActivationMap, such as GradCAM(model). "
            f"Received: cam={cam!r}"
        )
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(
            f"`seed` must be an integer, 0 or more. Received: seed={seed!r}"
        )
    network = cam.network
    inputs = network.check(images, batch_size)
    layers = _layers_with_weights(network, inputs)
    if targets is None:
        targets = best_classes(network, inputs)
    before = [centred_ranks(each) for each in cam(images, targets, batch_size)]
    if not any(map(np.any, before)):
        raise ValueError(
            "`cam` must give a map with contrast of some image. Received: "
            "maps that are the same everywhere. Choose other images or targets"
        )
    values = list(network.values())
    generator, found = np.random.default_rng(seed), {}
    for path, positions in layers.items():
        for i in positions:
            name = network.model.variables[i].name
            values[i] = _shuffled(name, values[i], generator)
        shuffled = copy.copy(cam)
        shuffled.network = network.with_values(values)
        maps = shuffled(images, targets, batch_size)
        pairs = zip(before, maps, strict=True)
        correlations = [
            correlation(ranks, centred_ranks(each))
            for ranks, each in pairs
            if ranks.any()
        ]
        found[path] = float(np.mean(correlations))
    return found


def _layers_with_weights(
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


def _shuffled(name: str, tensor: Any, generator: np.random.Generator) -> Any:
    numbers = ops.convert_to_numpy(tensor)
    order = generator.permutation(numbers.size)
    shuffled = numbers.reshape(-1)[order].reshape(numbers.shape)
    if name == "moving_variance":
        # Channels of shuffled filters vary alike. Divided by the variances of
        # others, they grow from layer to layer, in a ResNet50 to infinity.
        shuffled = np.full_like(numbers, numbers.mean())
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return ops.convert_to_tensor(shuffled, dtype)


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """Returns ranks less their mean, equal numbers sharing theirs."""
    values = values.reshape(-1)
    if not np.isfinite(values).all():
        return np.full(values.shape, np.nan)
    _, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True
    )
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return ranks[inverse] - (len(values) + 1) / 2


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the cosine of two centred vectors, 0 if one is 0."""
    length = np.sqrt((first @ first) * (second @ second))
    return first @ second / length if length != 0 else 0.0
