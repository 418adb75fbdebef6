"""Image operations of the backends that compile, with plain `keras.ops`.

XLA chooses the memory layout and fuses operations by itself.
"""

import contextlib
from contextlib import AbstractContextManager
from typing import Any

import keras
from keras import ops

from keras_attn.backend.protocol import Function, Padding, Pair, Tensor

FUSES = True


def no_gradient() -> AbstractContextManager[Any]:
    """Returns an empty context, since nothing is stored without a gradient."""
    return contextlib.nullcontext()


def contiguous(inputs: Tensor) -> Tensor:
    """Returns the inputs: XLA chooses their layout."""
    return inputs


def multiply(inputs: Tensor, kernel: Tensor) -> Tensor:
    """Multiplies the channels at each position of images by a matrix."""
    return ops.einsum("bhwc,cd->bhwd", inputs, kernel)


def convolution(
    inputs: Tensor,
    kernel: Tensor,
    strides: Pair,
    padding: Padding,
    dilation_rate: Pair,
    data_format: str,
) -> Tensor:
    """Convolves images."""
    return ops.conv(
        inputs,
        kernel,
        strides=list(strides),
        padding=padding,
        dilation_rate=dilation_rate,
        data_format=data_format,
    )


def convolve_pixels(
    inputs: Tensor,
    kernel: Tensor,
    strides: Pair,
    data_format: str,
    product: Function = multiply,
) -> Tensor:
    """Convolves images with a 1x1 kernel.

    `product` may replace `multiply`.
    """
    inputs = _every(inputs, strides, data_format)
    if data_format == "channels_last":
        return product(inputs, kernel[0, 0])
    return ops.einsum("bchw,cd->bdhw", inputs, kernel[0, 0])


def convolve(
    convolution: Function,
    inputs: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: Pair,
    padding: Padding,
    dilation_rate: Pair,
    data_format: str,
) -> Tensor:
    """Convolves images and adds the bias unless it is `None`.

    `convolution` does the work, without a bias or padding in pixels.
    """
    kernel = ops.convert_to_tensor(kernel)
    if isinstance(padding, int):
        sides = zip(kernel.shape, strides, dilation_rate, strict=False)
        if all((2 * padding, 1) == ((k - 1) * d, s) for k, s, d in sides):
            # With explicit padding, XLA's gradient takes twice as long.
            padding = "same"
        else:
            inputs = _padded(inputs, padding, 0.0, data_format)
            padding = "valid"
    outputs = convolution(
        inputs, kernel, strides, padding, dilation_rate, data_format
    )
    if bias is None:
        return outputs
    bias = ops.convert_to_tensor(bias)
    if data_format == "channels_first":
        bias = ops.reshape(bias, (-1, 1, 1))
    # Not `ops.add`: on TensorFlow, Keras 3.15 applies a bias of shape
    # (c, 1, 1) to the last axis if the image happens to be c pixels wide.
    return outputs + bias


def max_pool(
    inputs: Tensor,
    pool_size: Pair,
    strides: Pair,
    padding: Padding,
    data_format: str,
) -> Tensor:
    """Takes the maximum of each window."""
    if isinstance(padding, int):
        lowest = float("-inf")
        inputs, padding = _padded(inputs, padding, lowest, data_format), "valid"
    return ops.max_pool(inputs, pool_size, strides, padding, data_format)


def max_pool_with_indices(
    inputs: Tensor,
    pool_size: Pair,
    strides: Pair,
    padding: Pair,
    data_format: str,
) -> tuple[Tensor, Tensor]:
    """Takes the maximum of each window and the index of the first one.

    Compares slices, columns first, so that of equal values in a window the one
    in the first row counts. NaN counts as the largest value, as on PyTorch.
    """
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    sides = list(zip(axes, pool_size, strides, padding, strict=True))
    found = [inputs]
    for axis, size, stride, pixels in reversed(sides):
        found = _first_largest(found, axis, size, stride, pixels)
    largest, row, column = found
    return largest, row * ops.shape(inputs)[axes[1]] + column


def _first_largest(
    arrays: list[Tensor], axis: int, size: int, stride: int, pixels: int
) -> list[Tensor]:
    """Takes the maximum of the first array along an axis, window by window.

    Returns the maximum, its position, and the other arrays at that position.
    Padding with minus infinity would fail if an exported model multiplies it
    by 0.
    """
    side = ops.shape(arrays[0])[axis]
    widths = [(0, 0)] * 4
    widths[axis] = pixels, pixels
    padded = [ops.pad(each, widths) for each in arrays]
    count = (side + 2 * pixels - size) // stride + 1
    shape = [1] * 4
    shape[axis] = -1
    # The position of the first pixel of every window.
    start = ops.reshape(ops.arange(count) * stride - pixels, shape)
    best = [_slice(each, axis, 0, count, stride) for each in padded]
    place = ops.zeros_like(best[0], dtype="int32") + start
    for offset in range(1, size):
        new = [_slice(each, axis, offset, count, stride) for each in padded]
        larger = ops.logical_or(new[0] > best[0], new[0] != new[0])
        # Any pixel of the image counts as larger than the padding.
        larger = ops.logical_or(larger, place < 0)
        larger = ops.logical_and(larger, start + offset < side)
        place = ops.where(larger, start + offset, place)
        best = [
            ops.where(larger, one, other)
            for one, other in zip(new, best, strict=True)
        ]
    return [best[0], place, *best[1:]]


def normalize(
    inputs: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    axis: int,
    epsilon: float,
) -> Tensor:
    """Normalises with given statistics."""
    return ops.batch_normalization(
        inputs, mean, variance, axis, offset=beta, scale=gamma, epsilon=epsilon
    )


def normalize_batch(
    inputs: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    axis: int,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalises with the statistics of the batch and returns them too."""
    axes = [i for i in range(len(inputs.shape)) if i != axis % inputs.ndim]
    mean, variance = keras.ops.moments(inputs, axes)
    outputs = normalize(inputs, mean, variance, gamma, beta, axis, epsilon)
    return outputs, mean, variance


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float
) -> Tensor:
    """Weights values by softmax(scale query key), where the mask is true.

    Uses products of contiguous matrices, for which both compilers have a fast
    routine.
    """
    query, key, value = (
        ops.transpose(each, (0, 2, 1, 3)) for each in (query, key, value)
    )
    # In float16, products of queries and keys above 256 would overflow.
    if keras.backend.standardize_dtype(query.dtype) == "float16":
        query, key = (ops.cast(each, "float32") for each in (query, key))
    scores = ops.matmul(query * scale, ops.transpose(key, (0, 1, 3, 2)))
    scores = ops.cast(scores, "float32")
    if mask is not None:
        scores = ops.where(mask, scores, -1e30)
    # Keras warns about a softmax over one number, which is always 1.
    is_single = scores.shape[-1] == 1
    scores = ops.ones_like(scores) if is_single else ops.softmax(scores)
    scores = ops.cast(scores, value.dtype)
    return ops.transpose(ops.matmul(scores, value), (0, 2, 1, 3))


def normalize_last(
    inputs: Tensor, gamma: Tensor, beta: Tensor, epsilon: float
) -> Tensor:
    """Normalises over the last axis."""
    gamma, beta = (ops.cast(each, inputs.dtype) for each in (gamma, beta))
    return ops.layer_normalization(inputs, gamma, beta, -1, epsilon)


def largest(inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Takes the maximum over axes."""
    return ops.max(inputs, axis=axes)


def linear(inputs: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Multiplies vectors by a matrix and adds the bias unless it is `None`."""
    outputs = ops.matmul(inputs, kernel)
    return outputs if bias is None else outputs + bias


def mean(inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Averages over axes."""
    return ops.mean(inputs, axis=axes)


def gelu(inputs: Tensor) -> Tensor:
    """Returns `x / 2 (1 + erf(x / sqrt(2)))`."""
    return 0.5 * inputs * (1.0 + ops.erf(inputs * 0.5**0.5))


def rectify(inputs: Tensor) -> Tensor:
    """Applies ReLU."""
    return ops.relu(inputs)


def _padded(
    inputs: Tensor, pixels: int, value: float, data_format: str
) -> Tensor:
    """Pads each image with pixels of a value."""
    sides, others = (pixels, pixels), (0, 0)
    if data_format == "channels_last":
        widths = (others, sides, sides, others)
    else:
        widths = (others, others, sides, sides)
    return ops.pad(inputs, widths, constant_values=value) if pixels else inputs


def _every(inputs: Tensor, strides: Pair, data_format: str) -> Tensor:
    """Takes one row and column of images per stride."""
    if tuple(strides) == (1, 1):
        return inputs
    rows, columns = (slice(None, None, stride) for stride in strides)
    if data_format == "channels_last":
        return inputs[:, rows, columns]
    return inputs[:, :, rows, columns]


def _slice(
    images: Tensor, axis: int, start: int, count: Any, stride: int
) -> Tensor:
    """Takes `count` rows or columns at a stride."""
    stop = start + (count - 1) * stride + 1
    return images[(slice(None),) * axis + (slice(start, stop, stride),)]
