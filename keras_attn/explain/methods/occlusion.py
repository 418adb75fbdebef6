"""Occlusion sensitivity: the effect of hiding parts of an image."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_attn import backend
from keras_attn.checks import number, pair
from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.classes import fixed_target
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network

_LARGEST = float(np.finfo("float32").max)


@backend.apart
def occlusion_sensitivity(
    model: keras.Model | Network,
    images: Any,
    targets: Any = None,
    batch_size: int = 32,
    *,
    size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    value: float | None = None,
    output: int | str | None = None,
    image: int | str | None = None,
    data_format: str | None = None,
) -> np.ndarray:
    """Measures the loss in class probability when a square hides the image.

    Computes `S_ij = mean over s in Q_ij of (p(x) - p(x_s))`. `p` is the
    probability of the class, `x_s` is the image with the square `s` filled
    with one colour, and `Q_ij` are the squares that cover the pixel. Values
    are positive where the hidden pixels support the class, and negative where
    they are evidence against it. The squares cover the whole image; the last
    square of a row or column ends at the image border.

    The method needs no gradient and no layer, but a forward pass per square.

    Reference: Zeiler & Fergus, "Visualizing and Understanding Convolutional
        Networks", ECCV 2014,
        [arXiv:1311.2901](https://arxiv.org/abs/1311.2901), section 4.2 and
        figure 7, which shows `p(x_s)` for each position of a grey square.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network` such
            as `cam.network`, which is not compiled again. If the model
            outputs scores, a softmax turns them into probabilities, or a
            sigmoid if there is only one.
        images: Batch of images in the range that the model expects, or
            several inputs that include images.
        targets: As for the maps. `None` for the class with the highest score
            on the unmodified image. The score of a callable is used as the
            probability. Defaults to `None`.
        batch_size: Number of images, occluded or not, that are run at once,
            which bounds the memory. Defaults to 32.
        size: Size of the square in pixels: an integer, or height and width.
        stride: Step of the square in pixels: an integer, or a vertical and a
            horizontal step, at most `size`. `None` for half the size, at
            least 1. Defaults to `None`.
        value: The value that fills the square, in the range of the images.
            `None` for the mean of each channel over all pixels of all images.
            Defaults to `None`.
        output: Index or name of the output, if there are several.
        image: Index or name of the image to occlude, if the model takes
            several images.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for the
            format of the model's layers. Defaults to `None`.

    Returns:
        float32 NumPy array `(batch, height, width)`. Values are differences
        of probabilities, in [-1, 1].

    Raises:
        ValueError: If the images or targets do not fit, the square is larger
            than the image, the stride skips pixels, or `value` is not a
            finite number.

    Example:

    >>> inputs = keras.Input((8, 8, 1))
    >>> x = keras.layers.GlobalAveragePooling2D()(inputs)
    >>> outputs = keras.layers.Dense(1, kernel_initializer="ones")(x)
    >>> model = keras.Model(inputs, outputs)
    >>> images = np.zeros((1, 8, 8, 1))
    >>> images[:, :4] = 2.0
    >>> found = keras_attn.explain.occlusion_sensitivity(
    ...     model, images, size=4, stride=4, value=0.0
    ... )
    >>> found.shape, np.rint(100 * found[0, ::4, 0]).astype(int).tolist()
    ((1, 8, 8), [11, 0])
    """
    network = Network.of(model, output, data_format, image)
    inputs = network.check(images, batch_size)
    size, stride = _sides(size, stride, inputs.size)
    color = _color(value, inputs)
    target = fixed_target(network, inputs, targets)
    corners = _corners(inputs.size, size, stride)
    # The first square lies below the image and hides nothing.
    squares = np.array([(inputs.size[0], 0), *corners])

    def function(pairs: np.ndarray) -> np.ndarray:
        rows, at = np.divmod(pairs, len(squares))
        part = inputs.take(rows)
        hidden = _hidden(squares[at], size, inputs.size)
        images = np.where(inputs.over_channels(hidden), color, part.images)
        return network.forward(
            part.with_images(images), target.take(rows), probability=True
        ).scores

    count = len(inputs) * len(squares)
    scores = in_batches(count, batch_size, function).astype("float64")
    scores = scores.reshape(len(inputs), -1)
    return _spread(scores[:, :1] - scores[:, 1:], corners, size, inputs.size)


def _sides(
    size: Any, stride: Any, whole: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the height and width of the square and of its steps."""
    sides = pair("size", size)
    if not (sides[0] <= whole[0] and sides[1] <= whole[1]):
        raise ValueError(
            "`size` must not be larger than the images, "
            f"{whole[0]} x {whole[1]} pixels. Received: size={size!r}"
        )
    half = max(sides[0] // 2, 1), max(sides[1] // 2, 1)
    steps = pair("stride", stride, optional=True) or half
    if not (steps[0] <= sides[0] and steps[1] <= sides[1]):
        raise ValueError(
            "`stride` must not be larger than the square, "
            f"{sides[0]} x {sides[1]} pixels, or some pixels are never hidden. "
            f"Received: stride={stride!r}"
        )
    return sides, steps


def _color(value: Any, inputs: Inputs) -> np.ndarray | np.float32:
    """Returns the fill value, which broadcasts to the images."""
    value = number(
        "value", value, least=-_LARGEST, most=_LARGEST, optional=True
    )
    if value is None:
        width = inputs.width_axis()
        axes = 0, width - 1, width
        mean = inputs.images.mean(axis=axes, keepdims=True, dtype="float64")
        return mean.astype("float32")
    return np.float32(value)


def _corners(
    whole: tuple[int, int], size: tuple[int, int], stride: tuple[int, int]
) -> list[tuple[int, int]]:
    """Returns the top left corners of the squares."""
    starts = []
    for length, side, step in zip(whole, size, stride, strict=True):
        last = length - side
        starts.append([*range(0, last, step), last])
    return [(top, left) for top in starts[0] for left in starts[1]]


def _hidden(
    corners: np.ndarray, size: tuple[int, int], whole: tuple[int, int]
) -> np.ndarray:
    """Returns booleans `(n, height, width)`, true in the squares."""
    rows, columns = (
        (np.arange(length) >= start) & (np.arange(length) < start + side)
        for length, start, side in zip(
            whole, corners.T[:, :, None], size, strict=True
        )
    )
    return rows[:, :, None] & columns[:, None, :]


def _spread(
    lost: np.ndarray,
    corners: list[tuple[int, int]],
    size: tuple[int, int],
    whole: tuple[int, int],
) -> np.ndarray:
    """Averages the losses of all squares that cover each pixel."""
    total, count = np.zeros((len(lost), *whole)), np.zeros(whole)
    for (top, left), each in zip(corners, lost.T, strict=True):
        covered = slice(top, top + size[0]), slice(left, left + size[1])
        total[:, *covered] += each[:, None, None]
        count[covered] += 1
    return (total / count).astype("float32")
