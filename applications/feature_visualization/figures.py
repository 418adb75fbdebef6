"""Finds and draws what excites feature maps, and what classes need."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from applications.common import files
from keras_attn import explain

# Images per map, as in figure 2 of the paper, and the default number of maps.
BEST, MAPS = 9, 4
# Fraction of a reconstruction's pixels that are not clipped: with a large
# receptive field, a few pixels at the centre are far above the others.
CLIPPED = 0.98


@dataclasses.dataclass(frozen=True)
class Subject:
    """A network and the images to show to it.

    Attributes:
        model: The network.
        images: uint8 `(n, height, width, channels)`, before preprocessing.
        names: Names of the images.
        title: Title of the filters of the first layer.
        prepare: Function from such images to the input of the network.
        batch_size: Number of images that the network reads at once.
        is_bgr: Whether the input channels are blue, green and red.
        class_names: Names of the outputs, if the network is a classifier.
    """

    model: keras.Model
    images: np.ndarray
    names: Sequence[str]
    title: str
    prepare: Callable[[np.ndarray], np.ndarray]
    batch_size: int
    is_bgr: bool = False
    class_names: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Feature:
    """What excites a feature map.

    Attributes:
        channel: Index of the map in its layer.
        images: Indices of the images that excite it most, strongest first.
        values: The activations, float32, all above 0.
        reconstructions: Projection of the strongest activation in each image,
            floats `(height, width, channels)` around 0.
        patches: The same regions of the images, uint8, of the same sizes.
    """

    channel: int
    images: np.ndarray
    values: np.ndarray
    reconstructions: list[np.ndarray]
    patches: list[np.ndarray]


def stage_ends(model: keras.Model) -> list[str]:
    """Returns the layers `stage1`, `stage2`, ... that output a map.

    For small images, the last stages output a single pixel and are left out.
    """
    return [
        layer.name
        for layer in model.layers
        if layer.name.removeprefix("stage").isdecimal()
        and tuple(layer.output.shape[1:]).count(1) < 2
    ]


def first_kernel(model: keras.Model, is_bgr: bool = False) -> np.ndarray:
    """Returns the kernel of the first convolution, with RGB channels.

    Args:
        model: A network.
        is_bgr: Whether the input channels are blue, green and red.

    Raises:
        ValueError: If the model has no convolution.
    """
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and len(kernel.shape) == 4:
            found = keras.ops.convert_to_numpy(kernel).astype("float32")
            return found[:, :, ::-1] if is_bgr else found
    raise ValueError(
        "the model must have a convolution, so that its filters can be drawn. "
        f"Received: {model.name}, which has none"
    )


def up_to(model: keras.Model, layer: str) -> keras.Model:
    """Returns a model that ends with a layer, which saves time.

    Raises:
        ValueError: If the model has no such layer.
    """
    names = [each.name for each in model.layers]
    if layer not in names:
        raise ValueError(
            f"--layers must be layers of the model. Received: {layer}. Choose "
            f"some of {', '.join(names)}"
        )
    return keras.Model(model.inputs, model.get_layer(layer).output)


def find_features(
    subject: Subject,
    layer: str,
    channels: Sequence[int] | None = None,
    best: int = BEST,
) -> list[Feature]:
    """Finds the images and the image regions that excite maps most.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014 (https://arxiv.org/abs/1311.2901), section 4.

    Args:
        subject: The network and the images.
        layer: Name of a layer.
        channels: Indices of maps; `None` for the `MAPS` maps with the
            strongest activations, strongest first.
        best: Largest number of images per map.

    Returns:
        One feature per map, without maps that no image excites.

    Raises:
        ValueError: If a map is not in the layer, if no image excites any of
            the maps, or as in `keras_attn.explain.top_activations`.
    """
    # Shared by both methods, so that it is compiled once.
    network = explain.Network(up_to(subject.model, layer))
    size = subject.batch_size
    top = explain.top_activations(network, layer, _batches(subject), best, size)
    strongest = top.values[:, 0]
    if channels is None:
        channels = np.argsort(-strongest, kind="stable")[:MAPS].tolist()
    wrong = [each for each in channels if not 0 <= each < len(strongest)]
    if wrong:
        raise ValueError(
            f"--channels must be 0 to {len(strongest) - 1} for the maps of "
            f"{layer}. Received: {', '.join(map(str, wrong))}. Choose other "
            "--channels or --layers"
        )
    # Only activations above 0 can be projected back.
    shown = {
        channel: np.count_nonzero(top.values[channel] > 0)
        for channel in channels
        if strongest[channel] > 0
    }
    if not shown:
        raise ValueError(
            "at least one map must have an activation above 0. Received: "
            f"{layer}, maps {', '.join(map(str, channels))}, which no image "
            "excites. Choose other --channels, or more --images"
        )
    pairs = [
        (channel, index)
        for channel, count in shown.items()
        for index in top.indices[channel, :count]
    ]
    own, indices = (np.array(each) for each in zip(*pairs, strict=True))
    images = subject.images[indices]
    found = explain.DeconvNet(network)(
        subject.prepare(images), layer, own, strongest=1, batch_size=size
    )
    order = slice(None, None, -1 if subject.is_bgr else 1)
    pixels = [each[..., order] for each in found.crops()]
    patches = found.crops(images)
    features, start = [], 0
    for channel, count in shown.items():
        part = slice(start, start + count)
        features.append(
            Feature(
                int(channel),
                indices[part],
                top.values[channel, :count],
                pixels[part],
                patches[part],
            )
        )
        start += count
    return features


def draw_features(found: Sequence[Feature], layer: str, path: Path) -> None:
    """Draws one row per map, with reconstructions and patches."""
    titles = []
    for each in found:
        title = f"{layer}, map {each.channel}: {each.values[0]:.4g}"
        if len(each.values) > 1:
            title += f" to {each.values[-1]:.4g}"
        titles.append(title)
    with files.replacing(path) as partial:
        explain.plot_features(
            [[*map(_clipped, each.reconstructions)] for each in found],
            [each.patches for each in found],
            titles,
            partial,
        )


def _clipped(picture: np.ndarray) -> np.ndarray:
    """Clips the strongest pixels of a reconstruction."""
    most = np.quantile(np.abs(picture).max(axis=-1), CLIPPED)
    # A reconstruction that is 0 nearly everywhere is not clipped.
    return np.clip(picture, -most, most) if most > 0 else picture


@dataclasses.dataclass(frozen=True)
class Occlusions:
    """Occlusion maps of some images.

    Attributes:
        indices: Indices of the images.
        classes: Name of the most probable class of each image.
        probabilities: Probabilities of these classes.
        lost: Loss of probability when a square hides each place, float32
            `(n, height, width)`.
    """

    indices: np.ndarray
    classes: list[str]
    probabilities: list[float]
    lost: np.ndarray


def find_occlusions(subject: Subject, count: int) -> Occlusions:
    """Occludes parts of some images, which are evenly spread over all.

    The square has a quarter of the height and width of an image, and the mean
    colour of these images.

    Reference: Zeiler and Fergus, section 4.2 and figure 7.
    """
    total = len(subject.images)
    count = min(count, total)
    # Evenly spread, since the images may be ordered by class.
    indices = np.arange(count) * total // count
    ready = subject.prepare(subject.images[indices])
    network = explain.Network(subject.model)
    scores = subject.model.predict(ready, subject.batch_size, verbose=0)
    targets = scores.argmax(axis=1)
    height, width = subject.images.shape[1:3]
    size = max(1, round(height / 4)), max(1, round(width / 4))
    lost = explain.occlusion_sensitivity(
        network,
        ready,
        targets,
        subject.batch_size,
        size=size,
        stride=tuple(max(1, side // 3) for side in size),
    )
    return Occlusions(
        indices,
        [subject.class_names[target] for target in targets],
        scores[np.arange(count), targets].tolist(),
        lost,
    )


def draw_occlusions(subject: Subject, found: Occlusions, path: Path) -> None:
    """Draws one row per image: the image, and where its class needs it.

    Colours range from no loss of probability, or a gain, to the largest loss
    in the image.
    """
    most = found.lost.max(axis=(1, 2), keepdims=True)
    shares = np.clip(found.lost, 0, None) / np.where(most > 0, most, 1)
    titles = [
        f"{name} {probability:.3f}, down to {probability - loss:.3f}"
        for name, probability, loss in zip(
            found.classes, found.probabilities, most.ravel(), strict=True
        )
    ]
    images = subject.images[found.indices]
    with files.replacing(path) as partial:
        explain.plot(images, {"needed": shares}, titles, partial)


def _batches(subject: Subject) -> Iterator[np.ndarray]:
    """Yields the input of the network in batches."""
    for start in range(0, len(subject.images), subject.batch_size):
        part = subject.images[start : start + subject.batch_size]
        yield subject.prepare(part)
