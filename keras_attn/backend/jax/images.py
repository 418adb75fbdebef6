"""Convolution and pooling of images.

XLA's gradients are slow on CPU; these are faster and just as exact.
"""

import functools
import itertools
from typing import Any

import jax

from keras_attn.backend import compiled, groups
from keras_attn.backend.padding import pixels
from keras_attn.backend.protocol import Padding, Pair, Tensor

# With more groups, compiling a convolution for each of them takes too long.
_MOST_GROUPS = 8


def convolve(*arguments: Any) -> Tensor:
    """Convolves images and adds the bias unless it is `None`."""
    # On GPU, cuDNN is fast, and XLA aborts when it fuses the selection of
    # every second pixel with a product.
    on_cpu = jax.default_backend() == "cpu"
    convolution = _convolve_on_cpu if on_cpu else compiled.convolution
    return compiled.convolve(convolution, *arguments)


def _convolve_on_cpu(
    inputs: Tensor,
    kernel: Tensor,
    strides: Pair,
    padding: Padding,
    dilation_rate: Pair,
    data_format: str,
) -> Tensor:
    count = groups.count(inputs, kernel, data_format)
    if 1 < count <= _MOST_GROUPS:
        return groups.convolve(
            _convolve_on_cpu,
            inputs,
            kernel,
            strides,
            padding,
            dilation_rate,
            data_format,
        )
    # JAX must be able to prove that an open size equals that of another
    # convolution.
    every = max(strides) == 1 or _has_sizes(inputs)
    if every and count == 1 and tuple(kernel.shape[:2]) == (1, 1):
        return compiled.convolve_pixels(
            inputs, kernel, strides, data_format, _product
        )
    plain = padding == "valid" and data_format == "channels_last"
    strided = max(strides) > 1 == max(dilation_rate)
    if plain and strided and count == 1 and _has_sizes(inputs):
        return _convolve_with_strides(inputs, kernel, tuple(strides))
    return compiled.convolution(
        inputs, kernel, strides, padding, dilation_rate, data_format
    )


def _has_sizes(inputs: Tensor) -> bool:
    """Returns whether height and width are numbers.

    If a model with open sizes is exported, they are symbols, which cannot be
    compared and which only JAX's own operations accept.
    """
    return all(isinstance(side, int) for side in inputs.shape[1:])


def _without_gradient(inputs: Tensor, kernel: Tensor, strides: Pair) -> Tensor:
    """Convolves with strides, split into parts of the kernel if it is faster.

    Each part of the kernel meets one phase of the stride, which no other part
    meets. So each part is a convolution without strides, and nothing is
    computed twice. With few channels or parts of one row it does not pay off.
    """

    def convolve(images: Tensor, weights: Tensor, steps: Pair) -> Tensor:
        return compiled.convolution(
            images, weights, steps, "valid", (1, 1), "channels_last"
        )

    sides = list(zip(kernel.shape, strides, inputs.shape[1:], strict=False))
    if inputs.shape[-1] < 16 or any(k < 2 * step for k, step, _ in sides):
        return convolve(inputs, kernel, strides)
    height, width = ((side - k) // step + 1 for k, step, side in sides)
    outputs = 0
    for i, j in itertools.product(*map(range, strides)):
        weights = kernel[i :: strides[0], j :: strides[1]]
        images = inputs[:, i :: strides[0], j :: strides[1]]
        images = images[
            :, : height + weights.shape[0] - 1, : width + weights.shape[1] - 1
        ]
        outputs += convolve(images, weights, (1, 1))
    return outputs


_convolve_with_strides = jax.custom_vjp(_without_gradient, nondiff_argnums=(2,))


def _strides_forward(
    inputs: Tensor, kernel: Tensor, strides: Pair
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    return _convolve_with_strides(inputs, kernel, strides), (inputs, kernel)


def _strides_backward(
    strides: Pair, arguments: tuple[Tensor, Tensor], gradient: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the gradients of images and kernel.

    For the kernel, XLA convolves with holes for the strides, which takes twice
    as long as one product per pixel of the kernel.
    """
    inputs, kernel = arguments
    _, pull = jax.vjp(lambda x: _without_gradient(x, kernel, strides), inputs)
    ends = [
        (count - 1) * stride + 1
        for count, stride in zip(gradient.shape[1:3], strides, strict=True)
    ]

    def at(row: int, column: int) -> Tensor:
        """Returns the gradient of one pixel of the kernel."""
        rows = slice(row, row + ends[0], strides[0])
        columns = slice(column, column + ends[1], strides[1])
        seen = inputs[:, rows, columns]
        return jax.numpy.einsum("bhwc,bhwd->cd", seen, gradient)

    rows, columns = map(range, kernel.shape[:2])
    of_kernel = jax.numpy.stack(
        [jax.numpy.stack([at(i, j) for j in columns]) for i in rows]
    )
    return *pull(gradient), of_kernel


_convolve_with_strides.defvjp(_strides_forward, _strides_backward)


@jax.custom_vjp
def _product(inputs: Tensor, kernel: Tensor) -> Tensor:
    return compiled.multiply(inputs, kernel)


def _product_forward(
    inputs: Tensor, kernel: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    return _product(inputs, kernel), (inputs, kernel)


def _product_backward(
    arguments: tuple[Tensor, Tensor], gradient: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the gradients of images and kernel.

    XLA recomputes the first factor of the kernel's gradient in another memory
    layout, so the smaller factor comes first.
    """
    inputs, kernel = arguments
    of_inputs = jax.numpy.einsum("bhwd,cd->bhwc", gradient, kernel)
    if kernel.shape[0] <= kernel.shape[1]:
        first, second, equation = inputs, gradient, "bhwc,bhwd->cd"
    else:
        first, second, equation = gradient, inputs, "bhwd,bhwc->dc"
    of_kernel = jax.numpy.einsum(equation, first, second)
    return of_inputs, of_kernel if first is inputs else of_kernel.T


_product.defvjp(_product_forward, _product_backward)


def max_pool(inputs: Tensor, *arguments: Any) -> Tensor:
    """Takes the maximum of each window."""
    pool = _max_pool if _has_sizes(inputs) else compiled.max_pool
    return pool(inputs, *arguments)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def _max_pool(inputs: Tensor, *arguments: Any) -> Tensor:
    return compiled.max_pool(inputs, *arguments)


def _max_pool_forward(inputs: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    return _max_pool(inputs, *arguments), inputs


def _max_pool_backward(
    pool_size: Pair,
    strides: Pair,
    padding: Padding,
    data_format: str,
    inputs: Tensor,
    gradient: Tensor,
) -> tuple[Tensor]:
    """Sends the gradient to the first maximum of each window.

    XLA searches window by window, which takes four times as long as comparing
    slices.
    """
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    sides = tuple(zip(axes, pool_size, strides, strict=True))

    def pool(x: Tensor) -> Tensor:
        # Columns first: of equal values, the one in the first row counts.
        for axis, size, stride in reversed(sides):
            x = _max_of_slices(x, axis, size, stride, padding)
        return x

    return jax.vjp(pool, inputs)[1](gradient)


def _max_of_slices(
    x: Tensor, axis: int, size: int, stride: int, padding: Padding
) -> Tensor:
    widths = [(0, 0)] * 4
    widths[axis] = pixels(padding, x.shape[axis], size, stride)
    x = jax.numpy.pad(x, widths, constant_values=-jax.numpy.inf)
    count = (x.shape[axis] - size) // stride + 1

    def values(start: int) -> Tensor:
        end = start + (count - 1) * stride + 1
        return jax.lax.slice_in_dim(x, start, end, stride, axis)

    largest = values(0)
    for start in range(1, size):
        new = values(start)
        # NaN counts as the largest value, as on PyTorch.
        larger = (new > largest) | (new != new)
        largest = jax.numpy.where(larger, new, largest)
    return largest


_max_pool.defvjp(_max_pool_forward, _max_pool_backward)
