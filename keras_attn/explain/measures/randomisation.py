"""Checks whether maps depend on the weights that the model has learnt."""

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
    """Compares maps before and after the model's weights are shuffled.

    The layers are shuffled cumulatively, from the output down. In each layer,
    the entries of every weight array are permuted at random, and moving
    variances are replaced by their mean. After each layer, the result is
    `mean_i rho(L_i, L_i')`, Spearman's rank correlation of the maps before
    and after, for the classes of the original model.

    If the correlation stays close to 1 down to the last layer, the maps do
    not depend on what the model has learnt. A method that uses nothing after
    its layer, such as EigenCAM, stays at 1 until that layer is shuffled.

    Images whose original map has no contrast are left out. A map that loses
    its contrast counts as 0. The model itself does not change.

    Reference: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018,
        [arXiv:1810.03292](https://arxiv.org/abs/1810.03292), section 3.1,
        which initialises the weights again. Shuffling them instead needs no
        scale for each kind of layer. Arrays of equal numbers, such as zero
        biases, do not change.

    Args:
        cam: A `ClassActivationMap`.
        images: Batch of images as its model expects them, or several inputs.
        targets: As for `cam`. `None` for the class with the highest score of
            the original model on the image. Defaults to `None`.
        batch_size: As for `cam`. Defaults to 32.
        seed: Integer, 0 or more, the seed of the shuffling. Defaults to 0.

    Returns:
        A dictionary from layer paths to correlations in [-1, 1], in the order
        of shuffling, for all layers with weights. A correlation is NaN if a
        map is not finite. Weights of the model itself are under its name.

    Raises:
        ValueError: If `cam` is not a `ClassActivationMap`, its model has no
            weights, no map has contrast, or the seed is negative.

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
            "`cam` must return a map with contrast for at least one image. "
            "Received: only constant maps. Choose other images or targets"
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
