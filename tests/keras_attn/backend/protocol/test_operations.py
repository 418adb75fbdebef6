"""Operations on numbers: normalisation, statistics, products, activations."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from tests.keras_attn.backend.arrays import close, equal, image, tensor


@pytest.mark.parametrize("axis", [-1, 1])
class TestNormalize:
    def test_with_the_batch_returns_its_biased_statistics(self, axis):
        x = np.moveaxis(image(4, 3, 5) * 3 + 2, -1, axis)
        gamma, beta = np.arange(1.0, 6), np.arange(5.0)
        found = backend.normalize_batch(
            *map(tensor, (x, gamma, beta)), axis=axis, epsilon=1e-3
        )
        last = np.moveaxis(x.astype("float64"), axis, -1)
        mean, variance = last.mean((0, 1, 2)), last.var((0, 1, 2))
        scaled = (last - mean) / np.sqrt(variance + 1e-3)
        y = np.moveaxis(scaled * gamma + beta, -1, axis)
        for array, expected in zip(found, (y, mean, variance), strict=True):
            close(array, expected, rtol=1e-4, atol=1e-5)

    def test_with_given_statistics(self, axis):
        x = np.moveaxis(image(4, 3, 2), -1, axis)
        others = map(tensor, ([1, 2], [3, 8], [2, 1], [0, 7]))
        y = backend.normalize(tensor(x), *others, axis, 1.0)
        last = np.moveaxis(x, axis, -1)
        expected = (last - [1, 2]) / [2, 3] * [2, 1] + [0, 7]
        expected = np.moveaxis(expected, -1, axis)
        close(y, expected, rtol=1e-5, atol=1e-5)


def test_normalizing_a_single_value_returns_beta_and_no_variance():
    ones = ops.ones((2,))
    found = backend.normalize_batch(
        tensor([[3.0, -4.0]]), ones, ones * 5, -1, 1e-3
    )
    for array, expected in zip(found, ([[5, 5]], [3, -4], 0), strict=True):
        # The rounding error of the mean, divided by the root of epsilon.
        close(array, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("axes", [(1, 2), (3,)])
def test_largest_shares_the_gradient_of_equal_values(axes):
    x = np.random.default_rng(0).integers(0, 3, (2, 4, 3, 5))
    x = x.astype("float32")
    g = np.random.default_rng(1).normal(size=x.max(axes).shape)
    g = g.astype("float32")
    equal(backend.largest(tensor(x), axes), x.max(axes))
    value, gradient = backend.value_and_gradient(
        lambda x: ops.sum(backend.largest(x, axes) * tensor(g)), x
    )
    close(value, np.sum(x.max(axes) * g), rtol=1e-5)
    equals = x == x.max(axes, keepdims=True)
    shares = equals / equals.sum(axes, keepdims=True)
    close(gradient, shares * np.expand_dims(g, axes), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("axes", [(1, 2), (2, 3), (3,)])
def test_mean(axes):
    x = image(4, 3, 5)
    g = np.random.default_rng(1).normal(size=x.mean(axes).shape)
    close(backend.mean(tensor(x), axes), x.mean(axes), rtol=1e-4, atol=1e-6)
    _, gradient = backend.value_and_gradient(
        lambda x: ops.sum(backend.mean(x, axes) * tensor(g)), x
    )
    expected = np.expand_dims(g, axes) / (x.size / g.size)
    close(gradient, np.broadcast_to(expected, x.shape), rtol=1e-5)


@pytest.mark.parametrize("with_bias", [True, False])
def test_linear(with_bias):
    random = np.random.default_rng(0)
    x, kernel, bias, g = (
        random.normal(size=shape).astype("float32")
        for shape in ((2, 3), (3, 5), (5,), (2, 5))
    )

    def function(tensors):
        x, kernel, bias = tensors
        y = backend.linear(x, kernel, bias if with_bias else None)
        return ops.sum(y * tensor(g))

    value, gradients = backend.value_and_gradient(function, [x, kernel, bias])
    y = x @ kernel + bias * with_bias
    expected = np.sum(y * g), g @ kernel.T, x.T @ g, g.sum(0) * with_bias
    for found, array in zip((value, *gradients), expected, strict=True):
        close(found, array, rtol=1e-4, atol=1e-5)


def test_rectify():
    x = image(4, 3, 2)
    equal(backend.rectify(tensor(x)), np.maximum(x, 0))


def test_contiguous_keeps_the_values():
    x = image(4, 3, 2).transpose(2, 0, 3, 1)
    equal(backend.contiguous(ops.convert_to_tensor(x)), x)


def test_gelu_is_exact():
    x = np.array([-8, -3, -1, -0.1, 0, 0.1, 1, 3, 8], "float32")
    expected = [0.5 * each * (1 + math.erf(each / 2**0.5)) for each in x]
    close(backend.gelu(tensor(x)), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 6)])
def test_normalize_last(shape):
    """Compares to the formula and its finite differences, in float64."""
    random = np.random.default_rng(0)
    x, g = random.normal(2, 3, (2, *shape))
    gamma, beta = random.normal(size=(2, 6))

    def expected(x, gamma, beta):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    def function(tensors):
        return ops.sum(backend.normalize_last(*tensors, 1e-3) * tensor(g))

    arrays = [x, gamma, beta]
    value, gradients = backend.value_and_gradient(
        function, [each.astype("float32") for each in arrays]
    )
    value = float(ops.convert_to_numpy(value))
    assert value == pytest.approx(np.sum(g * expected(*arrays)), rel=1e-5)
    for index, (array, gradient) in enumerate(
        zip(arrays, gradients, strict=True)
    ):
        differences = np.empty_like(array)
        for place in np.ndindex(array.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [each.copy() for each in arrays]
                moved[index][place] += step
                ends.append(np.sum(g * expected(*moved)))
            differences[place] = (ends[0] - ends[1]) / 2e-5
        close(gradient, differences, rtol=1e-4, atol=1e-4)


def test_normalize_last_of_constants():
    def function(x):
        y = backend.normalize_last(x, ops.ones(4), ops.zeros(4), 1e-6)
        return ops.sum(y * y)

    value, gradient = backend.value_and_gradient(function, ops.ones((2, 3, 4)))
    assert float(ops.convert_to_numpy(value)) == 0
    equal(gradient, 0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_attend(masked, dtype):
    random = np.random.default_rng(0)
    query, key, value = random.normal(size=(3, 2, 5, 3, 4))
    mask = None
    logits = 0.6 * np.einsum("bqhd,bkhd->bhqk", query, key)
    if masked:
        mask = random.random((2, 1, 1, 5)) < 0.6
        mask[..., 0] = True
        logits = np.where(mask, logits, -np.inf)
        mask = ops.convert_to_tensor(mask)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    expected = np.einsum("bhqk,bkhd->bqhd", weights, value)
    tensors = (ops.convert_to_tensor(x, dtype) for x in (query, key, value))
    found = backend.attend(*tensors, mask, 0.6)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    atol = 1e-5 if dtype == "float32" else 4e-2
    close(ops.cast(found, "float32"), expected, atol=atol)
