"""The JAX backend."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

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
from keras_attn.backend.jax.images import convolve as convolve
from keras_attn.backend.jax.images import max_pool as max_pool
from keras_attn.backend.protocol import (
    Arguments,
    Function,
    Nest,
    Result,
    Tensor,
    Variable,
)

COMPILES = True


def value_and_gradient(
    function: Function, tensors: Nest
) -> tuple[Tensor, Nest]:
    """Returns a scalar function's value and gradient, zero where constant."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, tensors)
    # Compiled as a whole: run one by one, the operations take far longer.
    return jax.jit(jax.value_and_grad(function))(tensors)


def differentiate(function: Function) -> Function:
    """Compiles a scalar function that also returns auxiliary results."""
    return jax.jit(jax.value_and_grad(function, has_aux=True))


def inference(function: Function) -> Function:
    """Compiles a function, once for every set of shapes."""
    return jax.jit(function)


def trace(function: Function, *arguments: Any) -> None:
    """Runs a function on shapes."""
    # A new function, since JAX caches the traces of known ones.
    jax.eval_shape(lambda *shapes: function(*shapes), *arguments)


def state(variables: Sequence[Variable]) -> list[Tensor]:
    """Returns the tensors that variables hold.

    While a model trains, evaluates or predicts, Keras removes their values.
    This function then waits for a moment, which is enough for `predict`.

    Raises:
        RuntimeError: If the values do not return.
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
    "variables are empty, as on JAX while another thread runs its `fit`, "
    "`evaluate` or `predict`. Explain it in a callback of `fit` or after these "
    "have ended, or explain a copy made in advance: `copy = "
    "keras.models.clone_model(model)`, `copy.set_weights(model.get_weights())`"
)


def _held(variables: Sequence[Variable]) -> list[Tensor] | None:
    """Returns the arrays of variables, or `None` if one is missing."""
    try:
        values = [variable.value for variable in variables]
    except TypeError as error:
        # For an empty variable, Keras calls an initializer that it has dropped.
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


def on_state(variables: Sequence[Variable], function: Function) -> Any:
    """Calls a function of the tensors that variables hold.

    If another thread deletes them meanwhile, as Keras' trainer does, the
    function is called again with copies.
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


def _is_of_deleted(error: Exception) -> bool:
    return "has been deleted" in str(error) or "donated" in str(error)


def constant(variable: Variable) -> Tensor | None:
    """Returns the array, which becomes a constant of the compiled code."""
    return variable.value


def apart(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Makes a function run outside of any function that is being traced."""

    @functools.wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if not isinstance(jax.numpy.zeros(()), jax.core.Tracer):
            # The context below would precompute constants of whole models.
            return function(*args, **kwargs)
        with jax.ensure_compile_time_eval():
            return function(*args, **kwargs)

    return run


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float
) -> Tensor:
    """Weights values by softmax(scale query key), where the mask is true."""
    if jax.default_backend() == "cpu":
        # In float32, in which JAX's own attention accumulates too.
        query, key = (keras.ops.cast(x, "float32") for x in (query, key))
        return compiled.attend(query, key, value, mask, scale)
    return keras.ops.dot_product_attention(
        query, key, value, mask=mask, scale=scale
    )


def normalize_last(
    inputs: Tensor, gamma: Variable, beta: Variable, epsilon: float
) -> Tensor:
    """Normalises over the last axis."""
    if jax.default_backend() != "cpu":
        return compiled.normalize_last(inputs, gamma, beta, epsilon)
    gamma, beta = (keras.ops.cast(x, inputs.dtype) for x in (gamma, beta))
    return _normalize(inputs, gamma, beta, epsilon)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _normalize(
    inputs: Tensor, gamma: Tensor, beta: Tensor, epsilon: float
) -> Tensor:
    return _normalize_forward(inputs, gamma, beta, epsilon)[0]


def _normalize_forward(
    inputs: Tensor, gamma: Tensor, beta: Tensor, epsilon: float
) -> tuple[Tensor, tuple[Tensor, ...]]:
    mean = inputs.mean(-1, keepdims=True)
    variance = jax.numpy.square(inputs - mean).mean(-1, keepdims=True)
    scale = jax.lax.rsqrt(variance + epsilon)
    # Otherwise, XLA recomputes both for every number that uses them.
    mean, scale = jax.lax.optimization_barrier((mean, scale))
    outputs = (inputs - mean) * scale * gamma + beta
    return outputs, (inputs, gamma, mean, scale)


def _normalize_backward(
    epsilon: float, residuals: tuple[Tensor, ...], gradient: Tensor
) -> tuple[Tensor, ...]:
    """Returns the gradients of inputs, gamma and beta.

    Barriers around the incoming and outgoing gradient keep XLA from
    recomputing them for every transformer block.
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
