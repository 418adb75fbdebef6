"""Measures whether a network relates the same part in different images."""

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

    Computes the mean of `H(sign(e_i), sign(e_j)) / d` over the pairs
    `i != j`. Here `e_i = f(x_i) - f(x~_i)` is the change of the `d` features
    that a layer outputs when the same part, such as an eye, is hidden in each
    image. `H` is the Hamming distance, the number of entries that differ. The
    sign of 0 counts as a third sign.

    A lower value means that the features change more consistently: the
    network relates the part to the others in the same way, wherever it is.
    The value is meaningful only compared with hiding parts at random.

    Reference: Zeiler & Fergus, "Visualizing and Understanding Convolutional
        Networks", ECCV 2014,
        [arXiv:1311.2901](https://arxiv.org/abs/1311.2901), section 4.3,
        which denotes the mean over the pairs by a sum. For layer 5 and five
        dogs, the paper reports 0.067 and 0.069 for the eyes, 0.079 for the
        nose and 0.107 for random parts.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        images: At least two images, in the range that the model expects, or
            several inputs, of which the first one with four axes holds the
            images.
        occluded: The same images with a part hidden, in the same shape.
        layer: Name, path into nested models (`"inner/conv5"`) or layer
            object. Its first output is used, vectors or maps. If the layer is
            called several times, the last call counts.
        batch_size: Number of images that are run at once, which bounds the
            memory. Defaults to 32.

    Returns:
        A float in [0, 1], the fraction of features whose signs differ. It is
        0 if all agree, and 1/2 for random signs + and -.

    Raises:
        ValueError: If there is only one image, or if the images do not fit the
            model or the occluded images. Also if the model does not call the
            layer, or if the layer does not output finite numbers per image.

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
    # Each group of c equal signs has c**2 ordered pairs that do not differ.
    differ = len(inputs) ** 2 - (counts**2).sum(axis=0)
    return float(differ.mean() / (len(inputs) * (len(inputs) - 1)))


def _checked(network: Network, inputs: Inputs, occluded: Any) -> Inputs:
    """Returns the occluded images, checked against the others."""
    if len(inputs) < 2:
        raise ValueError(
            "`images` must hold at least two images to compare. "
            f"Received: shape {inputs.images.shape}"
        )
    others = network.check(occluded, inputs.batch_size)
    shapes, found = (
        [x.shape for x in each.arrays] for each in (inputs, others)
    )
    if shapes != found or repr(inputs.nest) != repr(others.nest):
        raise ValueError(
            "`occluded` must be the same inputs as `images`, with the same "
            f"shapes {shapes}. Received: shapes {found}"
        )
    return others


def _features(
    network: Network, inputs: Inputs, operation: keras.Operation
) -> Callable[[Inputs], np.ndarray]:
    """Returns a compiled function from inputs to features `(batch, ...)`."""
    name = network.paths()[operation]

    def function(run: taps.Run) -> Any:
        found: list[Any] = []
        run({operation: [taps.keeping(None, found)]})
        if not found:
            raise ValueError(
                "`layer` must be called when the model runs. Received: the "
                f"layer {name!r}, which is not called"
            )
        return found[-1]

    compiled = taps.hearing(network, inputs, ("features", operation), function)

    def run(part: Inputs) -> np.ndarray:
        features = ops.convert_to_numpy(compiled(part))
        if features.shape[:1] != (len(part),):
            raise ValueError(
                "`layer` must output features for each image, (batch, ...). "
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
