"""Whether a map has to do with what the model has learnt."""

import copy
from typing import Any

import numpy as np

from keras_attn import backend
from keras_attn.checks import integer
from keras_attn.explain.measures.ranks import centred_ranks, correlation
from keras_attn.explain.measures.shuffling import (
    layers_with_weights,
    shuffled_like,
)
from keras_attn.explain.methods.base import ClassActivationMap
from keras_attn.explain.running.classes import best_classes


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
    seed = integer("seed", seed, 0)
    network = cam.network
    inputs = network.check(images, batch_size)
    layers = layers_with_weights(network, inputs)
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
            values[i] = shuffled_like(name, values[i], generator)
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
