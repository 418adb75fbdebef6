import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.ops import encoding
from tests.marks import once_but_first

CASES = once_but_first(
    [(5, 12, 4), (1, 6, 3), (8, 1, 2), (3, 9, 2)], several=True
)


def arrays(dim, positions, codes):
    random = np.random.default_rng(0)
    tokens = random.normal(size=(2, dim, positions))
    codewords = random.normal(size=(codes, dim))
    scale = random.uniform(-1.0, 0.2, codes)
    return [a.astype("float32") for a in (tokens, codewords, scale)]


def expected(tokens, codewords, scale):
    """Computes the definition from all residuals, in float64."""
    tokens, codewords, scale = (
        a.astype("float64") for a in (tokens, codewords, scale)
    )
    # (batch, positions, codes, dim)
    residuals = tokens.transpose(0, 2, 1)[:, :, None] - codewords
    logits = scale * (residuals**2).sum(3)
    shares = np.exp(logits - logits.max(2, keepdims=True))
    shares = shares / shares.sum(2, keepdims=True)
    return shares.transpose(0, 2, 1), (shares[..., None] * residuals).sum(1)


@pytest.mark.parametrize(("dim", "positions", "codes"), CASES)
class TestIsTheDefinition:
    def test_assignments(self, dim, positions, codes):
        inputs = arrays(dim, positions, codes)
        found = encoding.assignments(*map(ops.convert_to_tensor, inputs))
        np.testing.assert_allclose(
            ops.convert_to_numpy(found),
            expected(*inputs)[0],
            rtol=1e-5,
            atol=1e-6,
        )

    def test_encode(self, dim, positions, codes):
        inputs = arrays(dim, positions, codes)
        found = encoding.encode(*map(ops.convert_to_tensor, inputs))
        np.testing.assert_allclose(
            ops.convert_to_numpy(found),
            expected(*inputs)[1],
            rtol=1e-4,
            atol=1e-5,
        )


def test_never_stores_the_residuals(monkeypatch):
    """No operation returns as many numbers as all residuals have."""
    dim, positions, codes = 16, 30, 8
    sizes = []

    def recorded(operation):
        def run(*args, **kwargs):
            result = operation(*args, **kwargs)
            sizes.append(np.prod(result.shape))
            return result

        return run

    for name in ("matmul", "square", "sum", "maximum", "softmax", "transpose"):
        monkeypatch.setattr(ops, name, recorded(getattr(ops, name)))
    inputs = map(ops.convert_to_tensor, arrays(dim, positions, codes))
    encoding.encode(*inputs)
    assert len(sizes) >= 7
    assert max(sizes) <= 2 * positions * max(dim, codes)


def test_a_distance_is_never_negative():
    """Rounding could make one negative, which would get too much weight."""
    random = np.random.default_rng(0)
    codeword = 1e3 * random.normal(size=(1, 64)).astype("float32")
    tokens = np.repeat(codeword[:, :, None], 40, axis=2)
    tokens = tokens * (1.0 + 1e-7 * random.normal(size=tokens.shape))
    # The scale of the other codeword is 0, so its logits are 0.
    codewords = np.concatenate([codeword, np.zeros_like(codeword)])
    shares = encoding.assignments(
        ops.convert_to_tensor(tokens.astype("float32")),
        ops.convert_to_tensor(codewords),
        ops.convert_to_tensor(np.array([-1e3, 0.0], "float32")),
    )
    # exp(-1e3 * distance) compared to exp(0) is at most one half.
    assert ops.convert_to_numpy(shares)[:, 0].max() <= 0.5


@pytest.mark.parametrize("size", [0.0, 1.0, 1e4])
def test_is_finite(size):
    tokens, codewords, scale = arrays(8, 6, 4)
    inputs = [size * tokens, codewords, scale]
    value, gradients = backend.value_and_gradient(
        lambda nest: ops.sum(encoding.encode(*nest)), inputs
    )
    for array in (value, *gradients):
        assert np.isfinite(ops.convert_to_numpy(array)).all()
