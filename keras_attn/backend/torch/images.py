"""Convolution, pooling and normalisation of images.

Keras' channels-last convolution copies its input twice, its max pooling runs in
PyTorch's slow memory layout, and its batch normalisation makes three passes.
Here, images keep their memory layout. PyTorch's kernels accept channels-last
images as a channels-first view, and are even faster with them on CPU (twice
for batch normalisation, many times for max pooling).
"""

import functools
from typing import Any

import keras
import torch

from keras_attn.backend.padding import pixels
from keras_attn.backend.protocol import Padding, Pair, Tensor, Variable

F = torch.nn.functional


def convolve(
    inputs: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: Pair,
    padding: Padding,
    dilation_rate: Pair,
    data_format: str,
) -> Tensor:
    """Convolves images and adds the bias unless it is `None`."""
    x = _channels_first(inputs, data_format)
    kernel, bias = _values(kernel, bias)
    # A clone, not `contiguous`: a view of one filter already counts as
    # contiguous, and its strides make PyTorch's convolution of one image fail.
    layouts = {
        "channels_last": torch.channels_last,
        "channels_first": torch.contiguous_format,
    }
    kernel = kernel.permute(3, 2, 0, 1)
    kernel = kernel.clone(memory_format=layouts[data_format])
    groups = x.shape[1] // kernel.shape[1]
    sides = zip(
        x.shape[2:], kernel.shape[2:], strides, dilation_rate, strict=True
    )
    pads = [pixels(padding, *side) for side in sides]
    if all(before == after for before, after in pads):
        before = [before for before, _ in pads]
    else:
        (top, bottom), (left, right) = pads
        x, before = F.pad(x, (left, right, top, bottom)), 0
    y = F.conv2d(x, kernel, bias, strides, before, dilation_rate, groups)
    return _shaped(y, data_format)


def max_pool(
    inputs: Tensor,
    pool_size: Pair,
    strides: Pair,
    padding: Padding,
    data_format: str,
) -> Tensor:
    """Takes the maximum of each window."""
    x = _channels_first(inputs, data_format)
    sides = zip(x.shape[2:], pool_size, strides, (1, 1), strict=True)
    pads = [pixels(padding, *side) for side in sides]
    # For images with channels last in memory, PyTorch's pooling is fast and
    # its padding is free. For others, without a gradient that needs the
    # indices, shifted slices take at most half as long.
    sliced = (
        data_format == "channels_first"
        and x.device.type == "cpu"
        and not (x.requires_grad and torch.is_grad_enabled())
    )
    own = all(
        before == after and 2 * before <= size
        for (before, after), size in zip(pads, pool_size, strict=True)
    )
    if own and not sliced:
        before = [before for before, _ in pads]
        return _shaped(F.max_pool2d(x, pool_size, strides, before), data_format)
    if any(map(any, pads)):
        (top, bottom), (left, right) = pads
        x = F.pad(x, (left, right, top, bottom), value=float("-inf"))
    if not sliced:
        return _shaped(F.max_pool2d(x, pool_size, strides), data_format)
    # Rows first.
    for axis, size, stride in zip((2, 3), pool_size, strides, strict=True):
        count = (x.shape[axis] - size) // stride + 1
        x = functools.reduce(
            torch.maximum,
            (
                x.narrow(axis, start, (count - 1) * stride + 1)[
                    (slice(None),) * axis + (slice(None, None, stride),)
                ]
                for start in range(size)
            ),
        )
    return x


def max_pool_with_indices(
    inputs: Tensor,
    pool_size: Pair,
    strides: Pair,
    padding: Pair,
    data_format: str,
) -> tuple[Tensor, Tensor]:
    """Takes the maximum of each window and the index of the first one."""
    x = _channels_first(inputs, data_format)
    y, indices = F.max_pool2d(
        x, pool_size, strides, padding, return_indices=True
    )
    return _shaped(y, data_format), _shaped(indices.int(), data_format)


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
    axis = axis % inputs.ndim  # The ONNX exporter rejects negative axes.
    x = inputs.movedim(axis, 1)
    mean, variance, gamma, beta = _values(mean, variance, gamma, beta)
    y = F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, epsilon)
    return y.movedim(1, axis)


def normalize_batch(
    inputs: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    axis: int,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalises with the statistics of the batch and returns them too."""
    axis = axis % inputs.ndim
    x = inputs.movedim(axis, 1)
    gamma, beta = _values(gamma, beta)
    mean = torch.zeros(x.shape[1], dtype=x.dtype, device=x.device)
    variance = torch.zeros_like(mean)
    enabled = torch.backends.cudnn.enabled
    # With a momentum of 1, the running statistics become those of the batch.
    # `F.batch_norm` would reject a batch with one value per channel. Keras
    # accepts it with a variance of 0, where PyTorch's unbiased one is 0 / 0.
    y = torch.batch_norm(
        x, gamma, beta, mean, variance, True, 1.0, epsilon, enabled
    )
    count = x.numel() // x.shape[1]
    if count > 1:
        variance = variance * ((count - 1) / count)
    else:
        variance = torch.zeros_like(mean)
    return y.movedim(1, axis), mean, variance


def _values(*variables: Variable | None) -> list[Any]:
    """Returns the tensors that Keras variables hold; `None` stays `None`."""
    return [
        None if variable is None else keras.ops.convert_to_tensor(variable)
        for variable in variables
    ]


def _channels_first(images: Tensor, data_format: str) -> Tensor:
    """Returns a view in PyTorch's order of axes."""
    if data_format == "channels_last":
        return images.permute(0, 3, 1, 2)
    return images


def _shaped(images: Tensor, data_format: str) -> Tensor:
    """Returns a view of a channels-first result in `data_format`."""
    if data_format == "channels_last":
        return images.permute(0, 2, 3, 1)
    return images
