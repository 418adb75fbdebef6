import numpy as np
import pytest
from keras import ops

from keras_attn.backend import compiled
from tests.contracts.devices import FORMATS, from_format, to_format
from tests.keras_attn.backend.arrays import close, image, tensor


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("by_product", [True, False])
def test_convolves_1x1_with_and_without_a_product(by_product, data_format):
    """The product is used on CPU, and the convolution on GPU."""

    def product(inputs, kernel, strides, padding, dilation_rate, data_format):
        return compiled.convolve_pixels(inputs, kernel, strides, data_format)

    x = image(5, 4, 3)
    kernel = np.random.default_rng(1).normal(size=(1, 1, 3, 6))
    y = compiled.convolve(
        product if by_product else compiled.convolution,
        tensor(to_format(x, data_format)),
        tensor(kernel),
        None,
        (2, 2),
        0,
        (1, 1),
        data_format,
    )
    y = from_format(ops.convert_to_numpy(y), data_format)
    close(y, x[:, ::2, ::2] @ kernel[0, 0], rtol=1e-4, atol=1e-5)
