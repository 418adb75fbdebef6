"""How well heat maps say what a model looks at, in numbers."""

import numbers
from typing import Any

import keras
import numpy as np

from keras_attn import backend
from keras_attn.explain.running.inputs import Inputs, batches
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import Target, resolve


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
    """Measures how much of a class is lost outside of its heat map.

    `100 / N sum_i max(0, Y_i - O_i) / Y_i`, in percent, less is better: `Y_i`
    is the probability of the class on an image, and `O_i` that on the image
    times its heat map. Where `Y_i` is not above 0, nothing can be lost, and
    the drop is 0. A map of ones has no drop either, so that this says
    something only beside `average_increase`, or of maps of the same area.

    Reference: Chattopadhyay et al., "Grad-CAM++", WACV 2018, section 4,
        [arXiv:1710.11063](https://arxiv.org/abs/1710.11063).

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network` such
            as `cam.network`, which is not compiled anew. Scores that it ends
            in become probabilities by a softmax, by a sigmoid if there is
            only one.
        images: Batch of images as the model takes them, or several inputs
            with images among them. What a heat map hides becomes 0.
        heatmaps: `(n, height, width)` in [0, 1], of the images' size.
        targets: As for the maps. `None` for the class with the highest score
            on the image. The score of a callable stands for the probability.
        batch_size: How many images are run at once. Defaults to 32.
        output: Index or name of the output, if there are several.
        image: Index or name of the image that the heat maps are of, if the
            model takes several.

    Returns:
        A float in [0, 100].

    Raises:
        ValueError: If the images, heat maps or targets are none of these.

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
    """Measures how often a class gains by what its heat map hides.

    `100 / N sum_i [O_i > Y_i]`, in percent, more is better: `Y_i` is the
    probability of the class on an image, and `O_i` that on the image times
    its heat map.

    Reference: Chattopadhyay et al., "Grad-CAM++", WACV 2018, section 4,
        [arXiv:1710.11063](https://arxiv.org/abs/1710.11063).

    Args:
        model: As `average_drop` takes it.
        images: As `average_drop` takes them.
        heatmaps: `(n, height, width)` in [0, 1], of the images' size.
        targets: As `average_drop` takes them. `None` for the class with the
            highest score on the image.
        batch_size: How many images are run at once. Defaults to 32.
        output: Index or name of the output, if there are several.
        image: Index or name of the image that the heat maps are of, if the
            model takes several.

    Returns:
        A float in [0, 100].

    Raises:
        ValueError: If the images, heat maps or targets are none of these.

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


def pointing_game(heatmaps: Any, masks: Any, tolerance: float = 15) -> float:
    """Measures how often the maximum of a heat map is on its object.

    `hits / N`: a hit is a maximum (the first one, in raster order) that is
    not farther than `tolerance` from the nearest pixel of the object, from
    centre to centre. A map without contrast points nowhere, and misses.

    Reference: Zhang et al., "Top-down Neural Attention by Excitation
        Backprop", ECCV 2016,
        [arXiv:1608.00507](https://arxiv.org/abs/1608.00507), which takes the
        mean over the classes of what is counted here over the images.

    Args:
        heatmaps: `(n, height, width)` in [0, 1].
        masks: Booleans `(n, height, width)`, true on the object. Of a box,
            all that is inside.
        tolerance: Number of pixels, 0 or more. Defaults to 15, as in the
            paper.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: If the heat maps, masks or tolerance are none of these, or
            a mask is empty.

    Example:

    >>> heatmaps = np.zeros((2, 64, 64))
    >>> heatmaps[:, 32, 20] = 1.0
    >>> masks = np.zeros((2, 64, 64), "bool")
    >>> masks[0, 30:40, 30:40] = masks[1, :8, :8] = True
    >>> keras_attn.explain.pointing_game(heatmaps, masks)
    0.5
    """
    heatmaps, masks = checked_heatmaps(heatmaps), np.asarray(masks)
    if masks.dtype != bool or masks.shape != heatmaps.shape:
        raise ValueError(
            "`masks` must be booleans of the heat maps' shape "
            f"{heatmaps.shape}. Received: shape {masks.shape} of "
            f"{masks.dtype}. Of labels, take `labels == label`"
        )
    empty = np.flatnonzero(~masks.any(axis=(1, 2)))
    if empty.size:
        raise ValueError(
            "`masks` must mark an object in each image. Received: nothing in "
            f"the masks {empty[:8].tolist()}"
        )
    # Of NaN, no comparison is true.
    if not (isinstance(tolerance, numbers.Real) and tolerance >= 0):
        raise ValueError(
            "`tolerance` must be a number of pixels, 0 or more. Received: "
            f"tolerance={tolerance!r}"
        )
    hits = 0
    for heatmap, mask in zip(heatmaps, masks, strict=True):
        if heatmap.max() > heatmap.min():
            peak = np.unravel_index(np.argmax(heatmap), heatmap.shape)
            away = np.argwhere(mask) - peak
            hits += int(np.min((away**2).sum(axis=1)) <= tolerance**2)
    return hits / len(heatmaps)


def checked_heatmaps(heatmaps: Any, inputs: Inputs | None = None) -> np.ndarray:
    """Returns heat maps as float32 of `(n, height, width)` in [0, 1]."""
    if keras.ops.is_tensor(heatmaps):
        heatmaps = keras.ops.convert_to_numpy(heatmaps)
    maps = np.asarray(heatmaps)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(
            "`heatmaps` must be a batch of maps, (n, height, width). "
            f"Received: shape {maps.shape}"
        )
    if inputs is not None and maps.shape != (len(inputs), *inputs.size):
        raise ValueError(
            "`heatmaps` must be one for each image, of its size: "
            f"{(len(inputs), *inputs.size)}. Received: shape {maps.shape}"
        )
    if not np.can_cast(maps.dtype, "float64", "same_kind"):
        raise ValueError(
            f"`heatmaps` must hold real numbers. Received: {maps.dtype}"
        )
    maps = maps.astype("float32")
    # Of maps with NaN both ends are NaN, and no comparison with it is true.
    low, high = maps.min(), maps.max()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            "`heatmaps` must be in [0, 1], without NaN. Received: values from "
            f"{low} to {high}. Of each, subtract the least, divide by the range"
        )
    return maps


def over_channels(maps: np.ndarray, data_format: str) -> np.ndarray:
    """Returns maps with an axis for the channels of images."""
    return np.expand_dims(maps, 1 if data_format == "channels_first" else 3)


def best_classes(network: Network, inputs: Inputs) -> np.ndarray:
    """Returns the classes that maps without targets explain.

    By the scores, as there: of probabilities, several may be rounded to 1.
    """
    target = resolve(None, len(inputs), network.trace(inputs).classes)
    found = [
        network.forward(inputs.take(indices), target).classes[:count]
        for indices, count in batches(len(inputs), inputs.batch_size)
    ]
    return np.concatenate(found)


def fixed_target(network: Network, inputs: Inputs, targets: Any) -> Target:
    """Returns the target that stays, whatever is done to the images."""
    if targets is None:
        targets = best_classes(network, inputs)
    return resolve(targets, len(inputs), network.trace(inputs).classes)


def _before_and_after(
    subject: tuple[keras.Model | Network, int | str | None, int | str | None],
    images: Any,
    heatmaps: Any,
    targets: Any,
    batch_size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns probabilities of images, and of them times their heat maps."""
    model, output, image = subject
    network = Network.of(model, output, image=image)
    inputs = network.check(images, batch_size)
    heatmaps = checked_heatmaps(heatmaps, inputs)
    target = fixed_target(network, inputs, targets)
    pairs = []
    for indices, count in batches(len(inputs), batch_size):
        part, chosen = inputs.take(indices), target.take(indices)
        masks = over_channels(heatmaps[indices], network.data_format)
        masked = part.with_images(part.images * masks)
        scores = [
            network.forward(each, chosen, probability=True).scores[:count]
            for each in (part, masked)
        ]
        pairs.append(np.stack(scores).astype("float64"))
    before, after = np.concatenate(pairs, axis=1)
    return before, after
