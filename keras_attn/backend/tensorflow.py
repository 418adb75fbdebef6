"""The TensorFlow backend."""

import functools
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any

import keras
import tensorflow as tf

from keras_attn.backend import compiled, groups
from keras_attn.backend.compiled import FUSES as FUSES
from keras_attn.backend.compiled import attend as attend
from keras_attn.backend.compiled import contiguous as contiguous
from keras_attn.backend.compiled import gelu as gelu
from keras_attn.backend.compiled import linear as linear
from keras_attn.backend.compiled import max_pool as max_pool
from keras_attn.backend.compiled import (
    max_pool_with_indices as max_pool_with_indices,
)
from keras_attn.backend.compiled import mean as mean
from keras_attn.backend.compiled import no_gradient as no_gradient
from keras_attn.backend.compiled import normalize as normalize
from keras_attn.backend.compiled import normalize_batch as normalize_batch
from keras_attn.backend.compiled import normalize_last as normalize_last
from keras_attn.backend.compiled import rectify as rectify
from keras_attn.backend.protocol import (
    Arguments,
    Function,
    Nest,
    Padding,
    Pair,
    Result,
    Tensor,
    Variable,
)

COMPILES = True


def value_and_gradient(
    function: Function, tensors: Nest
) -> tuple[Tensor, Nest]:
    """Returns a scalar function's value and gradient, zero where constant."""
    tensors = keras.tree.map_structure(tf.convert_to_tensor, tensors)
    (value, _), gradients = _taped(lambda x: (function(x), ()))(tensors)
    return value, gradients


def _taped(function: Function) -> Function:
    def run(tensors: Nest, *others: Nest) -> Any:
        # Gradients of the variables would be computed only to be discarded.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            value, auxiliary = function(tensors, *others)
        gradients = tape.gradient(
            value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return (value, auxiliary), gradients

    return run


def differentiate(function: Function) -> Function:
    """Compiles a scalar function that also returns auxiliary results."""
    return tf.function(_taped(function), autograph=False)


def inference(function: Function) -> Function:
    """Compiles a function, once for every set of shapes.

    XLA is not used: it is no faster here and does not support all operations.
    """
    return tf.function(function, autograph=False)


def trace(function: Function, *arguments: Any) -> None:
    """Runs a function on shapes."""
    tf.function(function, autograph=False).get_concrete_function(*arguments)


def state(variables: Sequence[Variable]) -> list[Tensor]:
    """Returns the tensors that variables hold."""
    return [tf.convert_to_tensor(variable.value) for variable in variables]


def on_state(variables: Sequence[Variable], function: Function) -> Any:
    """Calls a function of the values, which training does not overwrite."""
    return function(state(variables))


def constant(variable: Variable) -> Tensor | None:
    """Returns `None`: a graph refers to the variable itself."""


def apart(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Makes a function run outside of any graph that is being built.

    It runs in a separate thread, since `tf.init_scope` would stop its gradient
    tapes.
    """

    @functools.wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if tf.executing_eagerly():
            return function(*args, **kwargs)
        with futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(function, *args, **kwargs).result()

    return run


def largest(inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Takes the maximum over axes."""
    # `keras.ops.max` raises for an empty batch.
    return tf.reduce_max(inputs, axes)


def convolve(*arguments: Any) -> Tensor:
    """Convolves images and adds the bias unless it is `None`."""
    return compiled.convolve(_convolution(), *arguments)


@functools.cache
def _convolution() -> Function:
    """Returns the fastest convolution for the device.

    On CPU, a matrix product is twice as fast as XLA's 1x1 convolution. On GPU,
    cuDNN's convolution is fast, and XLA may abort when it fuses the selection
    of every second pixel with a product.
    """
    on_gpu = tf.config.list_physical_devices("GPU")
    return compiled.convolution if on_gpu else _convolve_on_cpu


def _convolve_on_cpu(
    inputs: Tensor,
    kernel: Tensor,
    strides: Pair,
    padding: Padding,
    dilation_rate: Pair,
    data_format: str,
) -> Tensor:
    if groups.count(inputs, kernel, data_format) > 1:
        # Keras would compile each call with XLA, which ONNX cannot represent.
        return groups.convolve(
            _convolve_on_cpu,
            inputs,
            kernel,
            strides,
            padding,
            dilation_rate,
            data_format,
        )
    if tuple(kernel.shape[:2]) == (1, 1):
        return compiled.convolve_pixels(inputs, kernel, strides, data_format)
    plain = padding == "valid" and data_format == "channels_last"
    channels, stride = inputs.shape[-1], strides[0]
    if plain and channels == kernel.shape[2] <= 4 and stride > 1:
        if strides[1] == stride and max(dilation_rate) == 1:
            # Keras passes variables, which a custom gradient cannot take.
            kernel = tf.convert_to_tensor(kernel)
            return _convolve_colors(stride)(inputs, kernel)
    outputs = compiled.convolution(
        inputs, kernel, strides, padding, dilation_rate, data_format
    )
    if inputs.shape[0] == 0:
        # With oneDNN, a graph would return the shape of the inputs.
        return tf.zeros(outputs.shape, outputs.dtype)
    return outputs


@functools.cache
def _convolve_colors(stride: int) -> Function:
    """Returns a strided convolution for images with few channels.

    TensorFlow's gradient with respect to such an image takes up to fourteen
    times as long as this one, which treats the phases of the stride as
    channels: each phase of the pixels meets its own part of the kernel.
    """
    strides = [1, stride, stride, 1]

    @tf.custom_gradient
    def convolve(inputs: Tensor, kernel: Tensor) -> Any:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            of_kernel = tf.raw_ops.Conv2DBackpropFilter(
                input=inputs,
                filter_sizes=kernel.shape,
                out_backprop=upstream,
                strides=strides,
                padding="VALID",
            )
            size = tf.shape(inputs)[1:3]
            return _to_pixels(upstream, kernel, stride, size), of_kernel

        return tf.nn.conv2d(inputs, kernel, strides, "VALID"), gradient

    return convolve


def _to_pixels(
    gradient: Tensor, kernel: Tensor, stride: int, size: Tensor
) -> Tensor:
    """Returns the gradient of a strided convolution for its images."""
    *sides, channels, filters = kernel.shape
    rows, columns = (-(-side // stride) for side in sides)
    lacking = [[0, -side % stride] for side in sides]
    kernel = tf.pad(kernel, [*lacking, [0, 0], [0, 0]])
    shape = rows, stride, columns, stride, channels, filters
    kernel = tf.transpose(tf.reshape(kernel, shape), (0, 2, 5, 1, 3, 4))
    kernel = tf.reshape(kernel, (rows, columns, filters, -1))[::-1, ::-1]
    around = [[each - 1, each - 1] for each in (rows, columns)]
    gradient = tf.pad(gradient, [[0, 0], *around, [0, 0]])
    phases = tf.nn.conv2d(gradient, kernel, 1, "VALID")
    pixels = tf.nn.depth_to_space(phases, stride)
    pixels = pixels[:, : size[0], : size[1]]
    # No window may cover the last pixels.
    rest = [[0, side] for side in tf.unstack(size - tf.shape(pixels)[1:3])]
    return tf.pad(pixels, [[0, 0], *rest, [0, 0]])
