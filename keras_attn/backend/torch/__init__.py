"""PyTorch, which runs what it is told: layouts in memory are chosen here."""

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
    """Makes a function of tensors and others return its gradient too."""

    def run(tensors: Nest, *others: Nest) -> Any:
        tensors = keras.tree.map_structure(
            lambda x: x.detach().requires_grad_(), tensors
        )
        with torch.enable_grad():
            value, auxiliary = function(tensors, *others)
            leaves = keras.tree.flatten(tensors)
            # PyTorch refuses a value that depends on none of them.
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
    """Makes a function keep nothing for a gradient."""
    return torch.no_grad()(function)


def no_gradient() -> AbstractContextManager[Any]:
    """Keeps nothing for a gradient while it is entered."""
    return torch.no_grad()


def trace(function: Function, *arguments: Any) -> None:
    """Runs a function, since there are no shapes without values."""
    inference(function)(*arguments)


def state(variables: Sequence[Variable]) -> list[Tensor]:
    """Returns the tensors that variables hold, cut off from them."""
    return [variable.value.detach() for variable in variables]


def on_state(variables: Sequence[Variable], function: Function) -> Any:
    """Calls a function of the tensors that variables hold.

    Training writes into these tensors, also from another thread: then it is
    called again, with copies, which may be of the middle of a step.
    """
    tensors = state(variables)
    # PyTorch counts how many times a tensor was written into.
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
    """Lets a function run where tensors can have a gradient."""
    return torch.inference_mode(False)(function)


def contiguous(inputs: Tensor) -> Tensor:
    """Lays the inputs out in the order of their axes."""
    return inputs.contiguous()


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float
) -> Tensor:
    """Weighs values by softmax(scale query key), where the mask is true.

    Keras' own copies each of the three before.
    """
    heads = (each.transpose(1, 2) for each in (query, key, value))
    mixed = F.scaled_dot_product_attention(*heads, attn_mask=mask, scale=scale)
    return mixed.transpose(1, 2)


def normalize_last(
    inputs: Tensor, gamma: Variable, beta: Variable, epsilon: float
) -> Tensor:
    """Normalises over the last axis."""
    # Keras knows the shape of a variable by heart; that of a tensor is an
    # operation for the ONNX exporter, which wants a number.
    shape = tuple(gamma.shape)
    gamma, beta = (
        keras.ops.convert_to_tensor(each).to(inputs.dtype)
        for each in (gamma, beta)
    )
    return F.layer_norm(inputs, shape, gamma, beta, epsilon)


def linear(inputs: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Multiplies vectors by a matrix, and adds the bias unless it is `None`.

    At once: around each small operation, Keras takes longer than it does.
    """
    return F.linear(inputs, kernel.T, bias)


def mean(inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Averages over axes.

    Divides the sum, so that the gradient is divided before it is spread over
    the axes: PyTorch's own mean does it after, and so writes all of it.
    """
    count = math.prod(inputs.shape[axis] for axis in axes)
    return torch.sum(inputs, axes) / count


def rectify(inputs: Tensor) -> Tensor:
    """Sets what is negative to 0, in place: a new array costs more than that.

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
    """`torch.amax`, whose own gradient divides the whole of its inputs."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
        outputs = torch.amax(inputs, axes, keepdim=True)
        ctx.save_for_backward(inputs, outputs)
        ctx.axes = axes
        return outputs.squeeze(axes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        inputs, outputs = ctx.saved_tensors
        # As numbers, once: PyTorch would convert it for each operation.
        mask = (inputs == outputs).to(gradient.dtype)
        share = gradient.reshape(outputs.shape) / mask.sum(ctx.axes, True)
        return mask * share, None
