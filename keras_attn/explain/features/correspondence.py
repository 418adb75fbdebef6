"""Whether a network ties a part of one image to that of another."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.explain.running import structure, taps
from keras_attn.explain.running.batches import batches
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network


@backend.apart
def correspondence(
    model: keras.Model | Network,
    images: Any,
    occluded: Any,
    layer: str | keras.Operation,
    batch_size: int = 32,
) -> float:
    """Measures how differently features change when a part is hidden.

    `mean over pairs i != j of H(sign(e_i), sign(e_j)) / d`: `e_i = f(x_i) -
    f(x~_i)` is how the `d` features that a layer outputs change when the
    same part, an eye say, is hidden in each image, and `H` is the Hamming
    distance, the number of entries that differ. The sign of 0 is one of its
    own. Less is more alike: the network ties the part to the others in the
    same way, wherever it is. It says something only beside what hiding parts
    at random gives.

    Reference: Zeiler & Fergus, "Visualizing and Understanding Convolutional
        Networks", ECCV 2014,
        [arXiv:1311.2901](https://arxiv.org/abs/1311.2901), section 4.3,
        where the sum over the pairs stands for their mean. For its layer 5,
        of five dogs, the paper has 0.067 and 0.069 for the eyes and 0.079
        for the nose, and 0.107 for parts at random.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        images: At least two, as the model takes them, in whatever range, or
            several inputs, the first with four axes being the images.
        occluded: The same ones with a part hidden, of the same shape.
        layer: Name, path into nested models (`"inner/conv5"`) or layer
            object, whose first output, vectors or maps, is taken. Of a layer
            that is called several times, the last time.
        batch_size: How many images are run at once, which bounds the memory.
            Defaults to 32.

    Returns:
        A float in [0, 1]: the share of the features whose signs differ. 0 if
        all are alike; of signs that are + or - by chance, 1/2.

    Raises:
        ValueError: If the images do not fit the model or the occluded ones,
            there is only one, or the layer is not in the model, is not called
            by it or outputs no finite numbers for each image.

    Example:

    >>> inputs = keras.Input((4, 4, 1))
    >>> outputs = keras.layers.Flatten(name="pixels")(inputs)
    >>> model = keras.Model(inputs, outputs)
    >>> images = np.ones((2, 4, 4, 1))
    >>> same, other = images.copy(), images.copy()
    >>> same[:, :2, :2] = other[0, :2, :2] = other[1, 2:, 2:] = 0.0
    >>> keras_attn.explain.correspondence(model, images, same, "pixels")
    0.0
    >>> keras_attn.explain.correspondence(model, images, other, "pixels")
    0.5
    """
    network = Network.of(model)
    operation = structure.find(network.model, layer)
    inputs = network.check(images, batch_size)
    others = _checked(network, inputs, occluded)
    run = _features(network, inputs, operation)
    counts: Any = 0
    for indices, real in batches(len(inputs), batch_size):
        before, after = (run(x.take(indices))[:real] for x in (inputs, others))
        signs = before > after, before == after, before < after
        counts = counts + np.stack([x.sum(axis=0) for x in signs])
    # Of n signs, those that are equal make pairs with each other.
    differ = len(inputs) ** 2 - (counts**2).sum(axis=0)
    return float(differ.mean() / (len(inputs) * (len(inputs) - 1)))


def _checked(network: Network, inputs: Inputs, occluded: Any) -> Inputs:
    """Returns the occluded images, which are as many as the others."""
    if len(inputs) < 2:
        raise ValueError(
            "`images` must be at least two, to be compared with each other. "
            f"Received: shape {inputs.images.shape}"
        )
    others = network.check(occluded, inputs.batch_size)
    shapes, found = (
        [x.shape for x in each.arrays] for each in (inputs, others)
    )
    if shapes != found or repr(inputs.nest) != repr(others.nest):
        raise ValueError(
            "`occluded` must be the same inputs as `images`, of the same "
            f"shapes {shapes}. Received: shapes {found}"
        )
    return others


def _features(
    network: Network, inputs: Inputs, operation: keras.Operation
) -> Callable[[Inputs], np.ndarray]:
    """Returns what makes features `(batch, ...)` of inputs, compiled."""
    name = network.paths()[operation]

    def function(run: taps.Run) -> Any:
        found: list[Any] = []
        run({operation: [taps.keeping(None, found)]})
        if not found:
            raise ValueError(
                "`layer` must be called when the model runs. Received: the "
                f"layer {name!r}, which is not"
            )
        return found[-1]

    compiled = taps.hearing(network, inputs, ("features", operation), function)

    def run(part: Inputs) -> np.ndarray:
        features = ops.convert_to_numpy(compiled(part))
        if features.shape[:1] != (len(part),):
            raise ValueError(
                "`layer` must output features of each image, (batch, ...). "
                f"Received: the layer {name!r}, which outputs "
                f"{features.shape} for {len(part)} images"
            )
        if not np.isfinite(features).all():
            raise ValueError(
                "`layer` must output finite numbers. Received: NaN or "
                f"infinity from the layer {name!r}"
            )
        return features

    return run
