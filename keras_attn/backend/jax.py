"""JAX."""

import functools
import itertools
import time

import jax
import keras

from keras_attn.backend import compiled
from keras_attn.backend.compiled import FUSES as FUSES
from keras_attn.backend.compiled import contiguous as contiguous
from keras_attn.backend.compiled import gelu as gelu
from keras_attn.backend.compiled import largest as largest
from keras_attn.backend.compiled import linear as linear
from keras_attn.backend.compiled import (
    max_pool_with_indices as max_pool_with_indices,
)
from keras_attn.backend.compiled import mean as mean
from keras_attn.backend.compiled import no_gradient as no_gradient
from keras_attn.backend.compiled import normalize as normalize
from keras_attn.backend.compiled import normalize_batch as normalize_batch
from keras_attn.backend.compiled import rectify as rectify
from keras_attn.backend.padding import pixels

COMPILES = True


def value_and_gradient(function, tensors):
    """Returns a scalar function's value and gradient, zero where constant."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, tensors)
    # Compiled as a whole: one by one, a network's operations take far longer.
    return jax.jit(jax.value_and_grad(function))(tensors)


def differentiate(function):
    """Compiles a scalar function that returns something besides."""
    return jax.jit(jax.value_and_grad(function, has_aux=True))


def inference(function):
    """Compiles a function, once for each set of shapes."""
    return jax.jit(function)


def trace(function, *arguments):
    """Runs a function on shapes."""
    # A new function, since JAX remembers what it did with an old one.
    jax.eval_shape(lambda *shapes: function(*shapes), *arguments)


def state(variables):
    """Returns the tensors that variables hold.

    Keras takes them away from a model while it trains, evaluates or predicts:
    then it waits for a moment, as `predict` takes one.

    Raises:
        RuntimeError: If they do not come back.
    """
    until = time.monotonic() + PATIENCE
    while True:
        values = _held(variables)
        if values is not None:
            return values
        if time.monotonic() > until:
            raise RuntimeError(IN_TRAINING)
        time.sleep(1e-3)


PATIENCE = 3.0  # In seconds.
IN_TRAINING = (
    "The variables of the model must hold values. Received: a model whose "
    "variables are empty, as they are on JAX while another thread runs its "
    "`fit`, `evaluate` or `predict`. Explain it in a callback of `fit`, after "
    "these have ended, or explain a copy that was made before: `copy = "
    "keras.models.clone_model(model)`, `copy.set_weights(model.get_weights())`"
)


def _held(variables):
    """Returns the arrays of variables, `None` if one of them is away."""
    try:
        values = [variable.value for variable in variables]
    except TypeError as error:
        # Of an empty variable, Keras calls the initializer that it dropped.
        if "NoneType" not in str(error):
            raise
        return None
    away = any(
        isinstance(value, jax.Array)
        and not isinstance(value, jax.core.Tracer)
        and value.is_deleted()
        for value in values
    )
    return None if away else values


def on_state(variables, function):
    """Calls a function of the tensors that variables hold.

    If another thread deletes them meanwhile, as Keras' trainer does, it is
    called again, with copies.
    """
    try:
        return function(state(variables))
    except (RuntimeError, ValueError) as error:
        if not _is_of_deleted(error):
            raise
    for _ in range(_TRIES):
        try:
            copies = [jax.numpy.array(each) for each in state(variables)]
        except (RuntimeError, ValueError) as error:
            if not _is_of_deleted(error):
                raise
            continue
        return function(copies)
    raise RuntimeError(IN_TRAINING)


_TRIES = 100


def _is_of_deleted(error):
    return "has been deleted" in str(error) or "donated" in str(error)


def constant(variable):
    """Returns the array, which is compiled into the code."""
    return variable.value


def apart(function):
    """Lets a function run outside of the functions that are being traced."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        if not isinstance(jax.numpy.zeros(()), jax.core.Tracer):
            # Here it would have constants of whole models computed in advance.
            return function(*args, **kwargs)
        with jax.ensure_compile_time_eval():
            return function(*args, **kwargs)

    return run


def convolve(*arguments):
    """Convolves images, and adds the bias unless it is `None`."""
    # On a GPU, cuDNN is fast, and XLA aborts when it joins the choice of each
    # second pixel with a product.
    on_cpu = jax.default_backend() == "cpu"
    return compiled.convolve(
        *arguments, _convolve_on_cpu if on_cpu else compiled.convolution
    )


def attend(query, key, value, mask, scale):
    """Weighs values by softmax(scale query key), where the mask is true."""
    if jax.default_backend() == "cpu":
        # In float32, as JAX's own has its sums.
        query, key = (keras.ops.cast(x, "float32") for x in (query, key))
        return compiled.attend(query, key, value, mask, scale)
    return keras.ops.dot_product_attention(
        query, key, value, mask=mask, scale=scale
    )


# XLA's gradients of four operations are slow on CPU, and these are exact.


def normalize_last(inputs, gamma, beta, epsilon):
    """Normalises over the last axis."""
    if jax.default_backend() != "cpu":
        return compiled.normalize_last(inputs, gamma, beta, epsilon)
    gamma, beta = (keras.ops.cast(x, inputs.dtype) for x in (gamma, beta))
    return _normalize(inputs, gamma, beta, epsilon)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _normalize(inputs, gamma, beta, epsilon):
    return _normalize_forward(inputs, gamma, beta, epsilon)[0]


def _normalize_forward(inputs, gamma, beta, epsilon):
    mean = inputs.mean(-1, keepdims=True)
    variance = jax.numpy.square(inputs - mean).mean(-1, keepdims=True)
    scale = jax.lax.rsqrt(variance + epsilon)
    # XLA would compute both anew for each number that they are used for.
    mean, scale = jax.lax.optimization_barrier((mean, scale))
    outputs = (inputs - mean) * scale * gamma + beta
    return outputs, (inputs, gamma, mean, scale)


def _normalize_backward(epsilon, residuals, gradient):
    """Pulls a gradient back to inputs, gamma and beta.

    Of what comes in and goes out XLA would compute all anew, too, for each
    block of a transformer that it goes through.
    """
    inputs, gamma, mean, scale = residuals
    gradient = jax.lax.optimization_barrier(gradient)
    normal = (inputs - mean) * scale
    pulled = gradient * gamma
    means = (
        pulled.mean(-1, keepdims=True),
        (pulled * normal).mean(-1, keepdims=True),
    )
    first, second = jax.lax.optimization_barrier(means)
    of_inputs = scale * (pulled - first - second * normal)
    others = tuple(range(inputs.ndim - 1))
    return (
        jax.lax.optimization_barrier(of_inputs),
        (gradient * normal).sum(others),
        gradient.sum(others),
    )


_normalize.defvjp(_normalize_forward, _normalize_backward)


def _convolve_on_cpu(
    inputs, kernel, strides, padding, dilation_rate, data_format
):
    # Of an open size, JAX has to see that it gets those of other convolutions.
    every = max(strides) == 1 or _has_sizes(inputs)
    if every and tuple(kernel.shape[:2]) == (1, 1):
        return compiled.convolve_pixels(
            inputs, kernel, strides, data_format, _product
        )
    plain = padding == "valid" and data_format == "channels_last"
    in_groups = kernel.shape[2] != inputs.shape[-1]
    strided = max(strides) > 1 == max(dilation_rate)
    if plain and strided and not in_groups and _has_sizes(inputs):
        return _convolve_with_strides(inputs, kernel, tuple(strides))
    return compiled.convolution(
        inputs, kernel, strides, padding, dilation_rate, data_format
    )


def _has_sizes(inputs):
    """Returns whether height and width are numbers.

    In the export of a model that leaves them open they are symbols, which
    cannot be compared: only JAX's own operations take those.
    """
    return all(isinstance(side, int) for side in inputs.shape[1:])


def _without_gradient(inputs, kernel, strides):
    """Convolves with strides, by parts of the kernel where that is faster.

    The pixels that one part meets, every so many-th, are met by no other one:
    so each part is a convolution without strides, and nothing is computed
    twice. Few channels, or parts of one row, are not worth it.
    """

    def convolve(images, weights, steps):
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


def _strides_forward(inputs, kernel, strides):
    return _convolve_with_strides(inputs, kernel, strides), (inputs, kernel)


def _strides_backward(strides, arguments, gradient):
    """Pulls a gradient back to images and kernel.

    XLA convolves for the kernel's gradient too, with holes for the strides,
    which takes twice as long as a product for each pixel of the kernel.
    """
    inputs, kernel = arguments
    _, pull = jax.vjp(lambda x: _without_gradient(x, kernel, strides), inputs)
    ends = [
        (count - 1) * stride + 1
        for count, stride in zip(gradient.shape[1:3], strides, strict=True)
    ]

    def at(row, column):
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
def _product(inputs, kernel):
    return compiled.multiply(inputs, kernel)


def _product_forward(inputs, kernel):
    return _product(inputs, kernel), (inputs, kernel)


def _product_backward(arguments, gradient):
    """Pulls a gradient back to images and kernel.

    XLA lays the first factor of the kernel's gradient out anew, and computes
    it anew for that: it should be the smaller one.
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


def max_pool(inputs, *arguments):
    """Takes the maximum of each window."""
    pool = _max_pool if _has_sizes(inputs) else compiled.max_pool
    return pool(inputs, *arguments)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def _max_pool(inputs, *arguments):
    return compiled.max_pool(inputs, *arguments)


def _max_pool_forward(inputs, *arguments):
    return _max_pool(inputs, *arguments), inputs


def _max_pool_backward(
    pool_size, strides, padding, data_format, inputs, gradient
):
    """Pulls a gradient back to the first largest value of each window.

    XLA looks for these one window after the other, which takes four times as
    long as to compare slices.
    """
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    sides = tuple(zip(axes, pool_size, strides, strict=True))

    def pool(x):
        # Columns first: of equal values, the one in the first row counts.
        for axis, size, stride in reversed(sides):
            x = _max_of_slices(x, axis, size, stride, padding)
        return x

    return jax.vjp(pool, inputs)[1](gradient)


def _max_of_slices(x, axis, size, stride, padding):
    widths = [(0, 0)] * 4
    widths[axis] = pixels(padding, x.shape[axis], size, stride)
    x = jax.numpy.pad(x, widths, constant_values=-jax.numpy.inf)
    count = (x.shape[axis] - size) // stride + 1

    def values(start):
        end = start + (count - 1) * stride + 1
        return jax.lax.slice_in_dim(x, start, end, stride, axis)

    largest = values(0)
    for start in range(1, size):
        new = values(start)
        # What is not a number is the largest, as elsewhere.
        larger = (new > largest) | (new != new)
        largest = jax.numpy.where(larger, new, largest)
    return largest


_max_pool.defvjp(_max_pool_forward, _max_pool_backward)
