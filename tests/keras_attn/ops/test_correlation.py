import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.ops import correlation
from tests.marks import once_but_first


def tensors(dim, height, width):
    random = np.random.default_rng(0)
    n = height * width
    shapes = [(2, dim, n)] * 3 + [(n, n), (n,)]
    return [random.normal(size=s).astype("float32") for s in shapes]


def expected(source, target, main, mixing, bias, activation=None):
    """Computes the equation of the docstring, in float64 and in order."""
    arrays = (source, target, main, mixing, bias)
    s, t, m, w, b = (a.astype("float64") for a in arrays)
    a = np.einsum("qp,zip,zkp->zikq", w, s, t) / np.sqrt(s.shape[2]) + b
    a = a if activation is None else activation(a)
    return a, np.einsum("ziq,zikq->zkq", m, a)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


CASES = once_but_first(
    [(3, 5, 4), (8, 2, 3), (1, 3, 3), (4, 1, 1)], several=True
)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.mark.parametrize(("dim", "height", "width"), CASES)
class TestForms:
    @pytest.mark.parametrize("form", ["explicit", "factored"])
    def test_linear_forms_match_the_equation(self, form, dim, height, width):
        arrays = tensors(dim, height, width)
        y = getattr(correlation, form)(*map(ops.convert_to_tensor, arrays))
        y = ops.convert_to_numpy(y)
        np.testing.assert_allclose(y, expected(*arrays)[1], **CLOSE)

    def test_streamed_matches_the_equation_with_an_activation(
        self, dim, height, width
    ):
        arrays = tensors(dim, height, width)
        y = correlation.streamed(
            *map(ops.convert_to_tensor, arrays), keras.ops.sigmoid
        )
        y = ops.convert_to_numpy(y)
        np.testing.assert_allclose(y, expected(*arrays, sigmoid)[1], **CLOSE)

    @pytest.mark.parametrize("activation", [None, "sigmoid"])
    def test_the_correlation_itself(self, activation, dim, height, width):
        source, target, main, mixing, bias = tensors(dim, height, width)
        ours, theirs = (ops.sigmoid, sigmoid) if activation else (None, None)
        a = correlation.correlation(
            *map(ops.convert_to_tensor, (source, target, mixing, bias)), ours
        )
        a = ops.convert_to_numpy(a)
        reference = expected(source, target, main, mixing, bias, theirs)[0]
        np.testing.assert_allclose(a, reference, **CLOSE)


def products(monkeypatch, form, *arguments):
    """Returns the number of elements in each matrix product of a form."""
    sizes = []

    def recording(product):
        def recorded(*inputs):
            result = product(*inputs)
            sizes.append(np.prod(result.shape))
            return result

        return recorded

    with monkeypatch.context() as patch:
        for room, name in ((ops, "matmul"), (backend, "convolve")):
            patch.setattr(room, name, recording(getattr(room, name)))
        form(*arguments)
    return sizes


def test_each_form_has_the_documented_intermediate_size(monkeypatch):
    arrays = [ops.convert_to_tensor(a) for a in tensors(4, 5, 2)]
    held = {
        form: products(monkeypatch, getattr(correlation, form), *more)
        for form, more in {
            "explicit": arrays,
            "factored": arrays,
            "streamed": [*arrays, ops.tanh],
        }.items()
    }
    batch, dim, n = 2, 4, 10
    parts = dim if backend.FUSES else 1
    assert held["explicit"] == [batch * n * dim**2 // parts] * parts
    assert held["factored"] == [batch * n**2, batch * n * dim]
    # The body of the loop is traced at least once, or runs for each channel.
    assert set(held["streamed"]) == {batch * n * dim}
