"""Finds the images of a dataset that excite a feature map most."""

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
    """The strongest activations of a layer's feature maps.

    For each of `c` maps it holds `k` images, strongest first. An image counts
    once per map, with its strongest activation.

    Attributes:
        values: float32 `(c, k)`, the activations.
        indices: int64 `(c, k)`, the indices of the images in the order of the
            dataset.
        positions: int64 `(c, k, 2)`, row and column in the feature map.
        boxes: int64 `(c, k, 4)`: top, left, bottom and right of the
            activation's receptive field in the image, the last two exclusive.

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

    The images are run once, batch by batch. Only the `k` strongest
    activations of each map are kept, so the dataset may have any size.
    Together with `keras_attn.explain.DeconvNet` and
    `keras_attn.explain.plot_features`, this reproduces figure 2 of the paper.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 4.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        layer: Name, path into nested models, or layer object. A chain of
            convolutions, poolings and pixelwise layers must lead from the
            image to it, as for `DeconvNet`, since the boxes depend on them.
        dataset: Images, preprocessed as the model expects. An array, or
            anything that yields batches of images, or tuples of images and
            labels: a `keras.utils.PyDataset`, a `tf.data.Dataset`, a PyTorch
            `DataLoader`, or a generator.
        k: Number of images to find for each map, or fewer if the dataset is
            smaller. Defaults to 9.
        batch_size: Number of images that are run at once. Defaults to 32.

    Returns:
        A `keras_attn.explain.TopActivations`. Among images with the same
        activation, the first one in the dataset ranks higher.

    Raises:
        ValueError: If the layer is not in the model or does not output a map,
            if there are no images, or if the images do not fit, are not
            finite or differ in size.

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
                "All images must have the same size, since positions and boxes "
                f"depend on it. Received: {inputs.size} after {size}"
            )
        for indices, count in batches(len(inputs), batch_size):
            # A smaller last batch is padded, to avoid compiling for its size.
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
            "`dataset` must hold images. Received: an empty dataset"
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
    """Yields batches of images, without labels."""
    if hasattr(dataset, "shape"):
        yield dataset
        return
    found = dataset
    if isinstance(dataset, keras.utils.PyDataset):
        # Iterating over a `PyDataset` directly never ends.
        found = (dataset[i] for i in range(len(dataset)))
    if not isinstance(found, Iterable) or isinstance(found, (str, dict)):
        raise ValueError(
            "`dataset` must be an array of images or yield batches of images. "
            f"Received: {type(dataset).__name__}"
        )
    for batch in found:
        labelled = isinstance(batch, (tuple, list))
        yield batch[0] if labelled else batch


def _compiled(network: Network, inputs: Inputs, place: Place) -> Callable:
    """Returns a compiled function that finds each map's maximum."""
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
    """Merges a batch into the strongest activations so far, `(maps, k)`."""
    new = (
        values.T,
        np.broadcast_to(numbers, values.T.shape),
        places.T,
    )
    if best is not None:
        new = [
            np.concatenate(pair, axis=1) for pair in zip(best, new, strict=True)
        ]
    # Stable, so that the first of equal activations comes first.
    order = np.argsort(-new[0], axis=1, kind="stable")[:, :k]
    return [np.take_along_axis(each, order, axis=1) for each in new]
