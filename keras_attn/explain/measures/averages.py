"""Average drop and increase of a class inside its heatmap."""

from typing import Any

import keras
import numpy as np

from keras_attn import backend
from keras_attn.explain.measures.heatmaps import checked_heatmaps
from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.classes import fixed_target
from keras_attn.explain.running.network import Network


@backend.apart
def average_drop(
    model: keras.Model | Network,
    images: Any,
    heatmaps: Any,
    targets: Any = None,
    batch_size: int = 32,
    *,
    output: int | str | None = None,
    image: int | str | None = None,
) -> float:
    """Measures how much a class loses when its heatmap masks the image.

    Computes `100 / N sum_i max(0, Y_i - O_i) / Y_i` in percent; lower is
    better. `Y_i` is the probability of the class for an image, and `O_i` its
    probability for the image times the heatmap. Where `Y_i` is not above 0,
    nothing can be lost, and the drop is 0.

    A map of ones also has a drop of 0. Therefore use this measure together
    with `average_increase`, or compare maps of the same area.

    Reference: Chattopadhyay et al., "Grad-CAM++", WACV 2018, section 4,
        [arXiv:1710.11063](https://arxiv.org/abs/1710.11063).

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network` such
            as `cam.network`, which is not compiled again. If the model
            outputs scores, a softmax turns them into probabilities, or a
            sigmoid if there is only one.
        images: Batch of images as the model expects them, or several inputs
            that include images. Pixels hidden by a heatmap become 0.
        heatmaps: `(n, height, width)` in [0, 1], of the images' size.
        targets: As for the maps. `None` for the class with the highest score
            on the image. The score of a callable is used as the probability.
            Defaults to `None`.
        batch_size: Number of images that are run at once. Defaults to 32.
        output: Index or name of the output, if there are several.
        image: Index or name of the image that the heatmaps belong to, if
            the model takes several images.

    Returns:
        A float in [0, 100].

    Raises:
        ValueError: If the images, heatmaps or targets are invalid.

    Example:

    >>> inputs = keras.Input((8, 8, 1))
    >>> x = keras.layers.GlobalAveragePooling2D()(inputs)
    >>> outputs = keras.layers.Dense(1, kernel_initializer="ones")(x)
    >>> model = keras.Model(inputs, outputs)
    >>> images, heatmaps = np.zeros((1, 8, 8, 1)), np.zeros((1, 8, 8))
    >>> images[:, :4], heatmaps[:, :4] = 2.0, 1.0
    >>> keras_attn.explain.average_drop(model, images, heatmaps)
    0.0
    >>> round(keras_attn.explain.average_drop(model, images, 1 - heatmaps), 1)
    31.6
    """
    before, after = _before_and_after(
        (model, output, image), images, heatmaps, targets, batch_size
    )
    some = before > 0
    lost = np.maximum(before - after, 0.0) / np.where(some, before, 1.0)
    return float(100 * np.mean(np.where(some, lost, 0.0)))


@backend.apart
def average_increase(
    model: keras.Model | Network,
    images: Any,
    heatmaps: Any,
    targets: Any = None,
    batch_size: int = 32,
    *,
    output: int | str | None = None,
    image: int | str | None = None,
) -> float:
    """Measures how often a class gains when its heatmap masks the image.

    Computes `100 / N sum_i [O_i > Y_i]` in percent; higher is better. `Y_i`
    is the probability of the class for an image, and `O_i` its probability
    for the image times the heatmap.

    Reference: Chattopadhyay et al., "Grad-CAM++", WACV 2018, section 4,
        [arXiv:1710.11063](https://arxiv.org/abs/1710.11063).

    Args:
        model: As for `average_drop`.
        images: As for `average_drop`.
        heatmaps: `(n, height, width)` in [0, 1], of the images' size.
        targets: As for `average_drop`. `None` for the class with the highest
            score on the image. Defaults to `None`.
        batch_size: Number of images that are run at once. Defaults to 32.
        output: Index or name of the output, if there are several.
        image: Index or name of the image that the heatmaps belong to, if
            the model takes several images.

    Returns:
        A float in [0, 100].

    Raises:
        ValueError: If the images, heatmaps or targets are invalid.

    Example:

    >>> inputs = keras.Input((8, 8, 1))
    >>> x = keras.layers.GlobalAveragePooling2D()(inputs)
    >>> outputs = keras.layers.Dense(1, kernel_initializer="ones")(x)
    >>> model = keras.Model(inputs, outputs)
    >>> images, heatmaps = np.full((2, 8, 8, 1), -1.0), np.ones((2, 8, 8))
    >>> images[:, :4], heatmaps[0, 4:] = 2.0, 0.0
    >>> keras_attn.explain.average_increase(model, images, heatmaps)
    50.0
    """
    before, after = _before_and_after(
        (model, output, image), images, heatmaps, targets, batch_size
    )
    return float(100 * np.mean(after > before))


def _before_and_after(
    subject: tuple[keras.Model | Network, int | str | None, int | str | None],
    images: Any,
    heatmaps: Any,
    targets: Any,
    batch_size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns probabilities of images and of images times heatmaps."""
    model, output, image = subject
    network = Network.of(model, output, image=image)
    inputs = network.check(images, batch_size)
    heatmaps = checked_heatmaps(heatmaps, inputs)
    target = fixed_target(network, inputs, targets)

    def function(indices: np.ndarray) -> list[np.ndarray]:
        part, chosen = inputs.take(indices), target.take(indices)
        masks = inputs.over_channels(heatmaps[indices])
        masked = part.with_images(part.images * masks)
        return [
            network.forward(each, chosen, probability=True).scores
            for each in (part, masked)
        ]

    before, after = in_batches(len(inputs), batch_size, function)
    return before.astype("float64"), after.astype("float64")
