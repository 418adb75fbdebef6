"""PyTorch, which runs what it is told: so the layout in memory is chosen here.

Keras' channels-last convolution copies its input twice, its max pooling runs in
PyTorch's slow order, and its batch normalisation makes three passes. Here,
images stay in memory as they come, channels last for a channels-last shape:
PyTorch's kernels take either, and these by a view of the axes in its order, on
CPU even faster (batch normalisation: twice, max pooling: many times).
"""

import functools
import math

import keras
import torch
import torch.nn.functional as F

from keras_attn.backend.padding import pixels

COMPILES = False
FUSES = False


def value_and_gradient(function, tensors):
    """Returns a scalar function's value and gradient, zero where constant."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, tensors)
    (value, _), gradients = differentiate(lambda x: (function(x), ()))(tensors)
    return value, gradients


def differentiate(function):
    """Makes a function of tensors and others return its gradient too."""

    def run(tensors, *others):
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


def inference(function):
    """Makes a function keep nothing for a gradient."""
    return torch.no_grad()(function)


def no_gradient():
    """Keeps nothing for a gradient while it is entered."""
    return torch.no_grad()


def trace(function, *arguments):
    """Runs a function, since there are no shapes without values."""
    inference(function)(*arguments)


def state(variables):
    """Returns the tensors that variables hold, cut off from them."""
    return [variable.value.detach() for variable in variables]


def on_state(variables, function):
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


def constant(variable):
    """Returns `None`: nothing is compiled."""


def apart(function):
    """Lets a function run where tensors can have a gradient."""
    return torch.inference_mode(False)(function)


def contiguous(inputs):
    """Lays the inputs out in the order of their axes."""
    return inputs.contiguous()


def convolve(
    inputs, kernel, bias, strides, padding, dilation_rate, data_format
):
    """Convolves images, and adds the bias unless it is `None`."""
    x = _channels_first(inputs, data_format)
    kernel, bias = _values(kernel, bias)
    # A clone, not `contiguous`: a view of one filter counts as that already,
    # and its strides make PyTorch's convolution of a single image fail.
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


def max_pool(inputs, pool_size, strides, padding, data_format):
    """Takes the maximum of each window."""
    x = _channels_first(inputs, data_format)
    sides = zip(x.shape[2:], pool_size, strides, (1, 1), strict=True)
    pads = [pixels(padding, *side) for side in sides]
    # Of images with their channels last in memory, PyTorch's pooling is fast,
    # and its own padding costs nothing. Of others, where nobody needs its
    # indices for a gradient, shifted slices take half of its time or less.
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


def max_pool_with_indices(inputs, pool_size, strides, padding, data_format):
    """Takes the maximum of each window, and where the first one is."""
    x = _channels_first(inputs, data_format)
    y, indices = F.max_pool2d(
        x, pool_size, strides, padding, return_indices=True
    )
    return _shaped(y, data_format), _shaped(indices.int(), data_format)


def normalize(inputs, mean, variance, gamma, beta, axis, epsilon):
    """Normalises by given statistics."""
    axis = axis % inputs.ndim  # The ONNX exporter takes no negative one.
    x = inputs.movedim(axis, 1)
    mean, variance, gamma, beta = _values(mean, variance, gamma, beta)
    y = F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, epsilon)
    return y.movedim(1, axis)


def normalize_batch(inputs, gamma, beta, axis, epsilon):
    """Normalises by the statistics of the batch, and returns these too."""
    axis = axis % inputs.ndim
    x = inputs.movedim(axis, 1)
    gamma, beta = _values(gamma, beta)
    mean = torch.zeros(x.shape[1], dtype=x.dtype, device=x.device)
    variance = torch.zeros_like(mean)
    enabled = torch.backends.cudnn.enabled
    # With a momentum of 1 the running statistics become those of the batch.
    # `F.batch_norm` would refuse a batch of one value a channel; Keras does
    # not, and its variance is 0, where PyTorch's unbiased one is 0 / 0.
    y = torch.batch_norm(
        x, gamma, beta, mean, variance, True, 1.0, epsilon, enabled
    )
    count = x.numel() // x.shape[1]
    if count > 1:
        variance = variance * ((count - 1) / count)
    else:
        variance = torch.zeros_like(mean)
    return y.movedim(1, axis), mean, variance


def attend(query, key, value, mask, scale):
    """Weighs values by softmax(scale query key), where the mask is true.

    Keras' own copies each of the three before.
    """
    heads = (each.transpose(1, 2) for each in (query, key, value))
    mixed = F.scaled_dot_product_attention(*heads, attn_mask=mask, scale=scale)
    return mixed.transpose(1, 2)


def normalize_last(inputs, gamma, beta, epsilon):
    """Normalises over the last axis."""
    # Keras knows the shape of a variable by heart; that of a tensor is an
    # operation for the ONNX exporter, which wants a number.
    shape = tuple(gamma.shape)
    gamma, beta = (each.to(inputs.dtype) for each in _values(gamma, beta))
    return F.layer_norm(inputs, shape, gamma, beta, epsilon)


def linear(inputs, kernel, bias):
    """Multiplies vectors by a matrix, and adds the bias unless it is `None`.

    At once: around each small operation, Keras takes longer than it does.
    """
    return F.linear(inputs, kernel.T, bias)


def mean(inputs, axes):
    """Averages over axes.

    Divides the sum, so that the gradient is divided before it is spread over
    the axes: PyTorch's own mean does it after, and so writes all of it.
    """
    count = math.prod(inputs.shape[axis] for axis in axes)
    return torch.sum(inputs, axes) / count


def rectify(inputs):
    """Sets what is negative to 0, in place: a new array costs more than that.

    Neither convolution nor batch normalisation needs its output for the
    gradient.
    """
    return F.relu(inputs, inplace=True)


def gelu(inputs):
    """Returns `x / 2 (1 + erf(x / sqrt(2)))`."""
    return F.gelu(inputs)


def largest(inputs, axes):
    """Takes the maximum over axes."""
    if inputs.requires_grad and torch.is_grad_enabled():
        return _Largest.apply(inputs, axes)
    return torch.amax(inputs, axes)


class _Largest(torch.autograd.Function):
    """`torch.amax`, whose own gradient divides the whole of its inputs."""

    @staticmethod
    def forward(ctx, inputs, axes):
        outputs = torch.amax(inputs, axes, keepdim=True)
        ctx.save_for_backward(inputs, outputs)
        ctx.axes = axes
        return outputs.squeeze(axes)

    @staticmethod
    def backward(ctx, gradient):
        inputs, outputs = ctx.saved_tensors
        # As numbers, once: PyTorch would convert it for each operation.
        mask = (inputs == outputs).to(gradient.dtype)
        share = gradient.reshape(outputs.shape) / mask.sum(ctx.axes, True)
        return mask * share, None


def _values(*variables):
    """Returns the tensors that Keras variables hold; `None` stays `None`."""
    return [
        None if variable is None else keras.ops.convert_to_tensor(variable)
        for variable in variables
    ]


def _channels_first(images, data_format):
    """Returns a view in PyTorch's order of axes."""
    if data_format == "channels_last":
        return images.permute(0, 3, 1, 2)
    return images


def _shaped(images, data_format):
    """Takes a channels-first result to the shape of `data_format`."""
    if data_format == "channels_last":
        return images.permute(0, 2, 3, 1)
    return images
