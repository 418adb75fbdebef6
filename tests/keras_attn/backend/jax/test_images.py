import keras
import numpy as np
import pytest

from keras_attn import backend
from tests.keras_attn.backend.arrays import close, equal, image


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="only JAX computes with symbols"
)
class TestOpenSizes:
    """Models exported from JAX may leave height and width open."""

    def both(self, function, channels):
        """Yields the results of an export with open sizes and the function."""
        import jax

        shape = jax.export.symbolic_shape(f"2, a, b, {channels}")
        shape = jax.ShapeDtypeStruct(shape, "float32")
        exported = jax.export.export(jax.jit(function))(shape)
        for size in ((11, 8), (16, 17)):
            x = image(*size, channels)
            yield exported.call(x), function(x)

    @pytest.mark.parametrize("channels", [3, 16])
    @pytest.mark.parametrize(
        ("size", "stride", "padding"),
        [(3, 2, "valid"), (5, 2, 1), (7, 2, "same"), (1, 2, "valid")],
    )
    def test_convolve(self, size, stride, padding, channels):
        shape = (size, size, channels, 5)
        kernel = np.random.default_rng(1).normal(size=shape).astype("float32")

        def function(x):
            return backend.convolve(
                x,
                kernel,
                None,
                (stride, stride),
                padding,
                (1, 1),
                "channels_last",
            )

        for found, expected in self.both(function, channels):
            close(found, expected, atol=1e-4)

    @pytest.mark.parametrize("padding", ["same", "valid", 1])
    def test_max_pool(self, padding):
        def function(x):
            arguments = (3, 3), (2, 2), padding, "channels_last"
            return backend.max_pool(x, *arguments)

        for found, expected in self.both(function, 3):
            equal(found, expected)

    def test_gradient_of_max_pool(self):
        import jax

        def squares(x):
            arguments = (3, 3), (2, 2), "valid", "channels_last"
            y = backend.max_pool(x, *arguments)
            return jax.numpy.sum(y * y)

        for found, expected in self.both(jax.grad(squares), 3):
            assert found.shape == expected.shape
            close(found, expected, rtol=1e-5)

    def test_a_strided_branch_has_the_size_of_its_shortcut(self):
        """JAX must prove that the symbolic sizes are equal."""
        random = np.random.default_rng(1)
        kernels = [
            random.normal(size=(size, size, 4, 4)).astype("float32")
            for size in (3, 1)
        ]

        def function(x):
            y = [
                backend.convolve(
                    x, kernel, None, (2, 2), pad, (1, 1), "channels_last"
                )
                for kernel, pad in zip(kernels, (1, "valid"), strict=True)
            ]
            return y[0] + y[1]

        for found, expected in self.both(function, 4):
            close(found, expected, atol=1e-4)
