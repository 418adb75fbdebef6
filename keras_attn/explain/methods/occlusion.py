"""What a class loses by a square that hides a part of the image."""

import numbers
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_attn import backend
from keras_attn.explain.measures.averages import fixed_target, over_channels
from keras_attn.explain.running.inputs import Inputs, batches
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
    """Measures what a class loses where a square hides the image.

    `S_ij = mean over s in Q_ij of (p(x) - p(x_s))`: `p` is the probability of
    the class, `x_s` the image with one colour in the square `s`, and `Q_ij`
    the squares that cover the pixel. Positive where the class needs what is
    hidden, negative where that speaks against it. The squares cover the whole
    image: the last ones of a row or column end where the image ends.

    No gradient and no layer, but a forward pass for each square.

    Reference: Zeiler & Fergus, "Visualizing and Understanding Convolutional
        Networks", ECCV 2014,
        [arXiv:1311.2901](https://arxiv.org/abs/1311.2901), section 4.2 and
        figure 7, which shows `p(x_s)` itself, by the place of a grey square.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network` such
            as `cam.network`, which is not compiled anew. Scores that it ends
            in become probabilities by a softmax, by a sigmoid if there is
            only one.
        images: Batch of images as the model takes them, in whatever range,
            or several inputs with images among them.
        targets: As for the maps. `None` for the class with the highest score
            on the whole image. The score of a callable stands for the
            probability.
        batch_size: How many images, whole or not, are run at once, which
            bounds the memory. Defaults to 32.
        size: Of the square, in pixels: an integer, or height and width.
        stride: By how many pixels it moves: an integer, or down and to the
            right; not more than `size`. `None` for half the size, 1 at least.
        value: What fills the square, in the range of the images. `None` for
            their mean: of each channel, over all pixels of all the images.
        output: Index or name of the output, if there are several.
        image: Index or name of the image that is hidden, if the model takes
            several.
        data_format: `"channels_last"` or `"channels_first"`; `None` for that
            of the model's layers.

    Returns:
        float32 NumPy array `(batch, height, width)`, in units of probability:
        in [-1, 1].

    Raises:
        ValueError: If the images or targets do not fit, the square is not
            inside of the image, it jumps over pixels, or is filled by no
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
    # The first square is below the image, and hides nothing.
    squares = np.array([(inputs.size[0], 0), *corners])
    scores = np.empty(len(inputs) * len(squares))
    for pairs, real in batches(len(scores), batch_size):
        rows, at = np.divmod(pairs, len(squares))
        part = inputs.take(rows)
        hidden = _hidden(squares[at], size, inputs.size)
        hidden = over_channels(hidden, network.data_format)
        found = network.forward(
            part.with_images(np.where(hidden, color, part.images)),
            target.take(rows),
            probability=True,
        ).scores
        scores[pairs[:real]] = found[:real]
    scores = scores.reshape(len(inputs), -1)
    return _spread(scores[:, :1] - scores[:, 1:], corners, size, inputs.size)


def _sides(
    size: Any, stride: Any, whole: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns height and width of the square, and of its steps."""
    sides = _pair(size)
    if sides is None or any(a > b for a, b in zip(sides, whole, strict=True)):
        raise ValueError(
            "`size` must be a positive integer, or two, (height, width), not "
            f"larger than the images of {whole[0]} x {whole[1]} pixels. "
            f"Received: size={size!r}"
        )
    if stride is None:
        return sides, (max(sides[0] // 2, 1), max(sides[1] // 2, 1))
    steps = _pair(stride)
    if steps is None or any(a > b for a, b in zip(steps, sides, strict=True)):
        raise ValueError(
            "`stride` must be a positive integer, or two, (down, right), not "
            f"larger than the square of {sides[0]} x {sides[1]} pixels, or "
            f"some pixels are never hidden. Received: stride={stride!r}"
        )
    return sides, steps


def _pair(given: Any) -> tuple[int, int] | None:
    """Returns two positive integers, `None` if it is not one or two."""
    pair = tuple(given) if isinstance(given, (list, tuple)) else (given,) * 2
    whole = all(
        isinstance(each, numbers.Integral)
        and not isinstance(each, bool)
        and each > 0
        for each in pair
    )
    return (int(pair[0]), int(pair[1])) if whole and len(pair) == 2 else None


def _color(value: Any, inputs: Inputs) -> np.ndarray:
    """Returns what fills the square, to broadcast to the images."""
    if value is None:
        width = inputs.width_axis()
        axes = 0, width - 1, width
        mean = inputs.images.mean(axis=axes, keepdims=True, dtype="float64")
        return mean.astype("float32")
    # Of NaN, no comparison is true.
    if not (isinstance(value, numbers.Real) and abs(value) <= _LARGEST):
        raise ValueError(
            "`value` must be a finite number, or None for the mean of the "
            f"images. Received: value={value!r}"
        )
    return np.float32(value)


def _corners(
    whole: tuple[int, int], size: tuple[int, int], stride: tuple[int, int]
) -> list[tuple[int, int]]:
    """Returns where the squares begin."""
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
    """Averages at each pixel over the squares that cover it."""
    total, count = np.zeros((len(lost), *whole)), np.zeros(whole)
    for (top, left), each in zip(corners, lost.T, strict=True):
        covered = slice(top, top + size[0]), slice(left, left + size[1])
        total[:, *covered] += each[:, None, None]
        count[covered] += 1
    return (total / count).astype("float32")
