"""What feature maps see and what hides a class, found and drawn."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from applications.common import files
from keras_attn import explain

# Of each map, as in the paper's figure 2; and maps that are drawn if none are
# asked for.
BEST, MAPS = 9, 4
# Of a reconstruction's pixels, those in between the full contrast: of large
# receptive fields a few at the centre are far above the others.
CLIPPED = 0.98


@dataclasses.dataclass(frozen=True)
class Subject:
    """A network, and the images that it is shown.

    Attributes:
        model: The network.
        images: uint8 `(n, height, width, channels)`, before preprocessing.
        names: What the images are called.
        title: What the network's first filters are called.
        prepare: Makes of such images what the network takes.
        batch_size: How many images are run at once.
        is_bgr: Whether the network takes blue before green and red.
        class_names: Of the network's outputs, if it is a classifier.
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
    """What a feature map sees.

    Attributes:
        channel: Which map of its layer.
        images: Which images excite it most, the strongest first.
        values: How much they do, float32, all above 0.
        reconstructions: Of the strongest activation in each, floats
            `(height, width, channels)` around 0.
        patches: What is there in the images, uint8, of the same sizes.
    """

    channel: int
    images: np.ndarray
    values: np.ndarray
    reconstructions: list[np.ndarray]
    patches: list[np.ndarray]


def stage_ends(model: keras.Model) -> list[str]:
    """Returns the layers `stage1`, `stage2`, ... that put out a map.

    Of small images, the last ones put out a single pixel, which is none.
    """
    return [
        layer.name
        for layer in model.layers
        if layer.name.removeprefix("stage").isdecimal()
        and tuple(layer.output.shape[1:]).count(1) < 2
    ]


def first_kernel(model: keras.Model, is_bgr: bool = False) -> np.ndarray:
    """Returns the kernel of the first convolution, with its colours as RGB.

    Args:
        model: A network.
        is_bgr: Whether it takes blue before green and red.

    Raises:
        ValueError: If the model has no convolution.
    """
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and len(kernel.shape) == 4:
            found = keras.ops.convert_to_numpy(kernel).astype("float32")
            return found[:, :, ::-1] if is_bgr else found
    raise ValueError(
        "the model must have a convolution, whose filters are drawn. "
        f"Received: {model.name}, which has none"
    )


def up_to(model: keras.Model, layer: str) -> keras.Model:
    """Returns a model that ends with a layer: what follows takes time.

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
    """Finds the images that excite maps most, and what in them does.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014 (https://arxiv.org/abs/1311.2901), section 4.

    Args:
        subject: The network and the images.
        layer: Name of a layer.
        channels: Which of its maps; `None` for the `MAPS` with the strongest
            activations, the strongest first.
        best: How many images of each map, at most.

    Returns:
        A feature for each map, but for those that no image excites.

    Raises:
        ValueError: If a map is not one of the layer's, if no image excites
            any of them, or as `keras_attn.explain.top_activations`.
    """
    # One for both methods, which is compiled once.
    network = explain.Network(up_to(subject.model, layer))
    size = subject.batch_size
    top = explain.top_activations(network, layer, _batches(subject), best, size)
    strongest = top.values[:, 0]
    if channels is None:
        channels = np.argsort(-strongest, kind="stable")[:MAPS].tolist()
    wrong = [each for each in channels if not 0 <= each < len(strongest)]
    if wrong:
        raise ValueError(
            f"--channels must be 0 to {len(strongest) - 1}, the maps of "
            f"{layer}. Received: {', '.join(map(str, wrong))}. Choose others, "
            "or other --layers"
        )
    # What is not above 0 cannot be brought back.
    shown = {
        channel: np.count_nonzero(top.values[channel] > 0)
        for channel in channels
        if strongest[channel] > 0
    }
    if not shown:
        raise ValueError(
            "there must be an activation above 0 in a map that is drawn. "
            f"Received: {layer}, maps {', '.join(map(str, channels))}, which "
            "no image excites. Choose other --channels, or more --images"
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
    """Draws a row for each map: reconstructions, beside them the patches."""
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
    """Returns a reconstruction whose strongest pixels are cut off."""
    most = np.quantile(np.abs(picture).max(axis=-1), CLIPPED)
    # Of one that is 0 nearly everywhere, nothing.
    return np.clip(picture, -most, most) if most > 0 else picture


@dataclasses.dataclass(frozen=True)
class Occlusions:
    """What hides the class that a network sees.

    Attributes:
        indices: Of the images.
        classes: The most probable class of each, by its name.
        probabilities: Of these classes.
        lost: What these lose where a square hides the image, float32
            `(n, height, width)`.
    """

    indices: np.ndarray
    classes: list[str]
    probabilities: list[float]
    lost: np.ndarray


def find_occlusions(subject: Subject, count: int) -> Occlusions:
    """Hides parts of some images, evenly out of all.

    The square has a quarter of the image's height and width, and the mean
    colour of the images that are looked at.

    Reference: Zeiler and Fergus, section 4.2 and figure 7.
    """
    total = len(subject.images)
    count = min(count, total)
    # In data that go class by class, of different classes.
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
    """Draws a row for each image: itself, and what its class needs of it.

    Colours go from nothing lost, or something won, to the most that is lost
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
    """Yields what the network takes, as much as is run at once."""
    for start in range(0, len(subject.images), subject.batch_size):
        part = subject.images[start : start + subject.batch_size]
        yield subject.prepare(part)
