"""Which images of many excite a feature map most."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.checks import positive
from keras_attn.explain.features.chain import chain_to
from keras_attn.explain.running import structure, taps
from keras_attn.explain.running.batches import batches
from keras_attn.explain.running.feature_maps import Place
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.places import place_of_layer


@dataclasses.dataclass(frozen=True)
class TopActivations:
    """The strongest activations of the feature maps of a layer.

    Of `c` maps and `k` images, the strongest first. An image counts once for
    each map, by its strongest activation.

    Attributes:
        values: float32 `(c, k)`, the activations.
        indices: int64 `(c, k)`, which images, counted in the order in which
            they came.
        positions: int64 `(c, k, 2)`, row and column in the feature map.
        boxes: int64 `(c, k, 4)`: top, left, bottom and right of what such an
            activation sees of the image, the last two exclusive.

    Example:

    >>> images = np.zeros((4, 8, 8, 1))
    >>> images[2, 3, 5] = 1.0
    >>> pooling = keras.layers.MaxPooling2D(2, name="pool")
    >>> model = keras.Sequential([keras.Input((8, 8, 1)), pooling])
    >>> top = keras_attn.explain.top_activations(model, "pool", images, k=1)
    >>> top.indices.tolist(), top.positions.tolist(), top.boxes.tolist()
    ([[2]], [[[1, 2]]], [[[2, 4, 4, 6]]])
    """

    values: np.ndarray
    indices: np.ndarray
    positions: np.ndarray
    boxes: np.ndarray


@backend.apart
def top_activations(
    model: keras.Model | Network,
    layer: str | keras.Operation,
    dataset: Any,
    k: int = 9,
    batch_size: int = 32,
) -> TopActivations:
    """Finds the images that excite each feature map of a layer most.

    The images are run once, a batch at a time, and nothing is kept of them
    but the `k` strongest activations of each map: a data set may be of any
    size. With `keras_attn.explain.DeconvNet` and
    `keras_attn.explain.plot_features` that is figure 2 of the paper.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 4.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        layer: Name, path into nested models, or the layer. Between the image
            and it there are convolutions, poolings and what works on each
            pixel, as for `DeconvNet`, since the boxes come of these.
        dataset: What the model takes, preprocessed as it wants it: an array
            of images, or anything that yields batches of them, alone or with
            labels in a tuple behind them: a `keras.utils.PyDataset`, a
            `tf.data.Dataset`, a PyTorch `DataLoader`, a generator.
        k: How many images are found for each map, if there are so many.
        batch_size: How many images are run at once.

    Returns:
        A `keras_attn.explain.TopActivations`. Of images with the same
        activation, that which came first counts.

    Raises:
        ValueError: If the layer is not in the model or outputs no map, if
            there is no image, or if images do not fit, are not finite or not
            all of one size.

    Example:

    >>> model = keras_attn.applications.FERNet()
    >>> faces = np.random.default_rng(0).random((20, 48, 48, 1))
    >>> top = keras_attn.explain.top_activations(
    ...     model, "stage1_pool", faces, k=3
    ... )
    >>> top.values.shape, top.boxes.shape
    ((32, 3), (32, 3, 4))
    """
    k = positive("k", k)
    network = Network.of(model)
    operation = structure.find(network.model, layer)
    made, best = None, None
    seen, side = 0, 0
    for images in _batches(dataset):
        inputs = network.check(images, batch_size)
        if made is None:
            own, place = place_of_layer(network, inputs, operation, None, None)
            chain = chain_to(network, own, place)
            made = place, chain, _compiled(network, own, place), inputs.size
        place, chain, run, size = made
        if inputs.size != size:
            raise ValueError(
                "All images must be of one size, since positions and boxes "
                f"depend on it. Received: {inputs.size} after {size}"
            )
        for indices, count in batches(len(inputs), batch_size):
            # A smaller last batch is filled up, and nothing compiled for it.
            side = max(side, len(indices))
            filled = np.pad(indices, (0, max(side - len(indices), 0)))
            values, places = (
                ops.convert_to_numpy(each)[:count]
                for each in run(inputs.take(filled))
            )
            numbers = seen + indices[:count]
            best = _merged(best, values, numbers, places, k)
        seen += len(inputs)
    if made is None or best is None:
        raise ValueError(
            "`dataset` must hold images. Received: one that yields none"
        )
    place, chain, *_ = made
    values, numbers, places = best
    positions = np.stack(np.divmod(places, place.sides[1]), axis=-1)
    box = functools.cache(lambda row, column: chain.box([row], [column]))
    boxes = [box(*each) for each in positions.reshape(-1, 2).tolist()]
    return TopActivations(
        values,
        numbers,
        positions.astype("int64"),
        np.array(boxes, "int64").reshape(*values.shape, 4),
    )


def _batches(dataset: Any) -> Iterator[Any]:
    """Yields what a model takes, without labels."""
    if hasattr(dataset, "shape"):
        yield dataset
        return
    found = dataset
    if isinstance(dataset, keras.utils.PyDataset):
        # Which has no end of its own.
        found = (dataset[i] for i in range(len(dataset)))
    if not isinstance(found, Iterable) or isinstance(found, (str, dict)):
        raise ValueError(
            "`dataset` must be an array of images, or yield batches of them. "
            f"Received: {type(dataset).__name__}"
        )
    for batch in found:
        labelled = isinstance(batch, (tuple, list))
        yield batch[0] if labelled else batch


def _compiled(network: Network, inputs: Inputs, place: Place) -> Callable:
    """Returns the strongest activation of each map, and where it is."""
    height, width = place.sides

    def function(run: taps.Run) -> tuple[Any, Any]:
        found: list[Any] = []
        run({place.operation: [taps.keeping(place.number, found)]})
        maps = place.read(found[0])
        maps = ops.reshape(maps, (-1, height * width, maps.shape[3]))
        return ops.max(maps, axis=1), ops.argmax(maps, axis=1)

    key = "top activations", inputs.position, place.key
    return taps.hearing(network, inputs, key, function)


def _merged(
    best: Sequence[np.ndarray] | None,
    values: np.ndarray,
    numbers: np.ndarray,
    places: np.ndarray,
    k: int,
) -> list[np.ndarray]:
    """Returns the strongest of those before and of a batch, `(maps, k)`."""
    new = (
        values.T,
        np.broadcast_to(numbers, values.T.shape),
        places.T,
    )
    if best is not None:
        new = [
            np.concatenate(pair, axis=1) for pair in zip(best, new, strict=True)
        ]
    # Stable, so that of equal ones the first comes first.
    order = np.argsort(-new[0], axis=1, kind="stable")[:, :k]
    return [np.take_along_axis(each, order, axis=1) for each in new]
