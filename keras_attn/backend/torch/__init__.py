"""The PyTorch backend, where memory layouts are chosen by hand."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import torch

from keras_attn.backend.protocol import (
    Arguments,
    Function,
    Nest,
    Result,
    Tensor,
    Variable,
)
from keras_attn.backend.torch.images import convolve as convolve
from keras_attn.backend.torch.images import max_pool as max_pool
from keras_attn.backend.torch.images import (
    max_pool_with_indices as max_pool_with_indices,
)
from keras_attn.backend.torch.images import normalize as normalize
from keras_attn.backend.torch.images import normalize_batch as normalize_batch

F = torch.nn.functional
COMPILES = False
FUSES = False


def value_and_gradient(
    function: Function, tensors: Nest
) -> tuple[Tensor, Nest]:
    """Returns a scalar function's value and gradient, zero where constant."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, tensors)
    (value, _), gradients = differentiate(lambda x: (function(x), ()))(tensors)
    return value, gradients


def differentiate(function: Function) -> Function:
    """Makes a function return the gradient of its first argument too."""

    def run(tensors: Nest, *others: Nest) -> Any:
        tensors = keras.tree.map_structure(
            lambda x: x.detach().requires_grad_(), tensors
        )
        with torch.enable_grad():
            value, auxiliary = function(tensors, *others)
            leaves = keras.tree.flatten(tensors)
            # PyTorch raises for a value that depends on no tensor.
            gradients = (
                torch.autograd.grad(
                    value, leaves, allow_unused=True, materialize_grads=True
                )
                if value.requires_grad
                else [torch.zeros_like(each) for each in leaves]
            )
        gradients = keras.tree.pack_sequence_as(tensors, list(gradients))
        auxiliary = keras.tree.map_structure(torch.Tensor.detach, auxiliary)
        return (value.detach(), auxiliary), gradients

    return run


def inference(function: Function) -> Function:
    """Makes a function run without storing anything for gradients."""
    return torch.no_grad()(function)


def no_gradient() -> AbstractContextManager[Any]:
    """Returns a context in which nothing is stored for gradients."""
    return torch.no_grad()


def trace(function: Function, *arguments: Any) -> None:
    """Runs a function on values, since PyTorch cannot trace shapes alone."""
    inference(function)(*arguments)


def state(variables: Sequence[Variable]) -> list[Tensor]:
    """Returns the tensors that variables hold, detached."""
    return [variable.value.detach() for variable in variables]


def on_state(variables: Sequence[Variable], function: Function) -> Any:
    """Calls a function of the tensors that variables hold.

    If another thread trains meanwhile and overwrites the tensors, the function
    is called again with copies, which may be from the middle of a step.
    """
    tensors = state(variables)
    # PyTorch counts how many times a tensor was overwritten.
    versions = [each._version for each in tensors]
    try:
        found = function(tensors)
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
    else:
        if versions == [each._version for each in tensors]:
            return found
    return function([each.clone() for each in tensors])


def constant(variable: Variable) -> Tensor | None:
    """Returns `None`: nothing is compiled."""


def apart(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Makes a function run outside of inference mode."""
    return torch.inference_mode(False)(function)


def contiguous(inputs: Tensor) -> Tensor:
    """Lays the inputs out in memory in the order of their axes."""
    return inputs.contiguous()


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float
) -> Tensor:
    """Weights values by softmax(scale query key), where the mask is true.

    Keras' function first copies all three tensors.
    """
    heads = (each.transpose(1, 2) for each in (query, key, value))
    mixed = F.scaled_dot_product_attention(*heads, attn_mask=mask, scale=scale)
    return mixed.transpose(1, 2)


def normalize_last(
    inputs: Tensor, gamma: Variable, beta: Variable, epsilon: float
) -> Tensor:
    """Normalises over the last axis."""
    # The shape of a variable holds numbers. The shape of a tensor would be an
    # operation, and the ONNX exporter needs a number.
    shape = tuple(gamma.shape)
    gamma, beta = (
        keras.ops.convert_to_tensor(each).to(inputs.dtype)
        for each in (gamma, beta)
    )
    return F.layer_norm(inputs, shape, gamma, beta, epsilon)


def linear(inputs: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Multiplies vectors by a matrix and adds the bias unless it is `None`.

    Uses one call: Keras' overhead exceeds the time of a small operation.
    """
    return F.linear(inputs, kernel.T, bias)


def mean(inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Averages over axes.

    Divides the sum, so that the gradient is divided before it is broadcast.
    PyTorch's own mean divides afterwards, which writes the whole gradient.
    """
    count = math.prod(inputs.shape[axis] for axis in axes)
    return torch.sum(inputs, axes) / count


def rectify(inputs: Tensor) -> Tensor:
    """Applies ReLU in place, since allocating a new array costs more.

    Neither convolution nor batch normalisation needs its output for the
    gradient.
    """
    return F.relu(inputs, inplace=True)


def gelu(inputs: Tensor) -> Tensor:
    """Returns `x / 2 (1 + erf(x / sqrt(2)))`."""
    return F.gelu(inputs)


def largest(inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Takes the maximum over axes."""
    if inputs.requires_grad and torch.is_grad_enabled():
        return _Largest.apply(inputs, axes)
    return torch.amax(inputs, axes)


class _Largest(torch.autograd.Function):
    """`torch.amax` with a cheaper gradient, divided before its broadcast."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
        outputs = torch.amax(inputs, axes, keepdim=True)
        ctx.save_for_backward(inputs, outputs)
        ctx.axes = axes
        return outputs.squeeze(axes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        inputs, outputs = ctx.saved_tensors
        # Converted once: PyTorch would convert the mask for every operation.
        mask = (inputs == outputs).to(gradient.dtype)
        share = gradient.reshape(outputs.shape) / mask.sum(ctx.axes, True)
        return mask * share, None
