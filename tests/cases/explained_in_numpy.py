"""An independent implementation of the methods in NumPy and float64.

There are two networks: the recorded one, and one whose gradients vary with the
position.
"""

import dataclasses
import functools

import keras
import numpy as np
from keras import layers

from keras_attn import explain
from tests.cases import explained
from tests.cases.explained import TARGETS, golden


def relu(x):
    return np.maximum(x, 0.0)


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def resize(maps, size, align_corners=False):
    """Resizes maps `(n, height, width)`, one axis at a time.

    `np.interp` interpolates linearly and repeats the last value beyond the end.
    """
    for axis, target in zip((1, 2), size, strict=True):
        source = maps.shape[axis]
        if align_corners:
            places = np.linspace(0, source - 1, target)
        else:
            places = (np.arange(target) + 0.5) / target * source - 0.5
        maps = np.apply_along_axis(
            lambda line, places=places: np.interp(
                places, np.arange(len(line)), line
            ),
            axis,
            np.asarray(maps, "float64"),
        )
    return maps


def normalize(maps, epsilon=1e-7):
    """Returns each map scaled to [0, 1]."""
    low, high = (f(maps, (1, 2), keepdims=True) for f in (np.min, np.max))
    return (maps - low) / (high - low + epsilon)


def finish(*maps, size):
    """Returns the final maps for maps of layers."""
    maps = [resize(normalize(relu(each)), size) for each in maps]
    return normalize(np.mean(maps, axis=0))


def principal_component(features):
    """Returns `R v_1`, with the sign of the sum over the channels."""
    maps = []
    for image in features:
        rows = image.reshape(-1, image.shape[-1])
        rows = rows - rows.mean(axis=0)
        found = rows @ np.linalg.svd(rows)[2][0]
        sign = np.sign(found @ rows.sum(axis=1))
        maps.append((sign * found).reshape(image.shape[:2]))
    return np.stack(maps)


def filter_evidence(x, y, aperture, epsilon=0.0):
    """Returns `(C and not B) x`, summed over channels, using inverses.

    `epsilon` is added to matrices that may be singular.
    """
    one = np.eye(len(x))

    def conceptor(columns, epsilon):
        r = columns @ columns.T / columns.shape[1] + epsilon * one
        return r @ np.linalg.inv(r + aperture**-2 * one)

    c, not_b = conceptor(x, epsilon), one - conceptor(y, 0.0)
    both = np.linalg.inv(np.linalg.inv(c) + np.linalg.inv(not_b) - one)
    return (both @ x).sum(axis=0)


def convolve(x, kernel, bias):
    """Convolves with a 3 x 3 kernel, padded by one pixel as in PyTorch."""
    x = np.pad(np.asarray(x, "float64"), [(0, 0), (1, 1), (1, 1), (0, 0)])
    x = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    return np.einsum("bhwcij,dcij->bhwd", x, kernel.astype("float64")) + bias


def features(images, weights, layer="relu2"):
    """Returns the output of `relu2` or `conv2` of the recorded network."""
    x = relu(convolve(images, weights["conv1.weight"], weights["conv1.bias"]))
    count, height, width, channels = x.shape
    x = x.reshape(count, height // 2, 2, width // 2, 2, channels).max((2, 4))
    x = convolve(x, weights["conv2.weight"], weights["conv2.bias"])
    return x if layer == "conv2" else relu(x)


def scores(images, weights):
    """Returns the scores of the recorded network."""
    means = features(images, weights).mean((1, 2))
    return means @ weights["fc.weight"].T.astype("float64") + weights["fc.bias"]


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A network whose scores are linear in the features.

    Attributes:
        network: The network.
        layer: The layer with the features.
        images: The inputs.
        features: The features, `(batch, height, width, channels)`.
        kernel: Gradients of the scores, `(classes, height, width, channels)`.
        bias: The bias of the scores.
    """

    network: explain.Network
    layer: str
    images: np.ndarray
    features: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray

    @property
    def gradients(self):
        """Returns the gradients of the scores of `TARGETS`."""
        return self.kernel[TARGETS]

    @property
    def scores(self):
        """Of all classes."""
        found = np.einsum("bhwk,chwk->bc", self.features, self.kernel)
        return found + self.bias

    def finish(self, maps):
        """Returns the final maps for maps of the layer."""
        return finish(maps, size=self.images.shape[1:3])

    def cam(self, method, **options):
        """Returns a method of the package for the layer, cached."""
        return _cam(self, method, **options)

    def maps(self, method, targets=TARGETS, **options):
        """Returns the maps of a method of the package."""
        return self.cam(method, **options)(self.images, targets)

    def sums(self, method):
        """Returns the maps of a method at the size of the layer."""
        cam = getattr(explain, method)(self.network, self.layer)
        cam.finish = lambda maps, size: maps[0]
        return cam(self.images, TARGETS)


@functools.cache
def _cam(case, method, **options):
    return getattr(explain, method)(case.network, case.layer, **options)


@functools.cache
def recorded():
    """Returns the recorded network, which all tests share, compiled."""
    weights, images = golden()["weights"], explained.images()
    found = features(images, weights)
    kernel = weights["fc.weight"].astype("float64")[:, None, None]
    kernel = kernel / np.prod(found.shape[1:3])
    return Case(
        explain.Network(explained.functional()),
        "relu2",
        images,
        found,
        np.broadcast_to(kernel, (len(kernel), *found.shape[1:])),
        weights["fc.bias"],
    )


@functools.cache
def uneven(filters, activation=None, classes=5):
    """Returns a network with separate weights for each position.

    Its features are 5 x 4 and of both signs.
    """
    random = np.random.default_rng(filters)
    images = random.normal(size=(3, 9, 7, 2)).astype("float32")
    inputs = keras.Input(images.shape[1:])
    options = {"strides": 2, "padding": "same", "name": "features"}
    x = layers.Conv2D(filters, 3, **options)(inputs)
    x = layers.Dense(classes, activation=activation)(layers.Flatten()(x))
    model = keras.Model(inputs, x)
    weights = [random.normal(size=w.shape) * 0.3 for w in model.get_weights()]
    model.set_weights(weights)
    first, first_bias, last, bias = weights
    return Case(
        explain.Network(model),
        "features",
        images,
        convolve(images, first.transpose(3, 2, 0, 1), first_bias)[:, ::2, ::2],
        last.T.reshape(classes, 5, 4, filters),
        bias,
    )


# Fewer channels than positions, and more.
CASES = {
    "recorded": recorded,
    "few_channels": functools.partial(uneven, 6),
    "many_channels": functools.partial(uneven, 30),
}
