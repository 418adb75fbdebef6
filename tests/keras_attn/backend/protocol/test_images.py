"""Convolution and pooling of images."""

import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from tests.contracts.devices import FORMATS, from_format, to_format
from tests.keras_attn.backend.arrays import close, equal, image, tensor
from tests.marks import once, once_but_first


def channels_last(tensor, data_format):
    return from_format(ops.convert_to_numpy(tensor), data_format)


def windows(array, size, stride, dilation=1):
    """Returns all windows, `(batch, rows, columns, size, size, channels)`."""
    reach = (size - 1) * dilation + 1
    view = np.lib.stride_tricks.sliding_window_view(
        array, (reach, reach), axis=(1, 2)
    )
    view = view[:, ::stride, ::stride, :, ::dilation, ::dilation]
    return view.transpose(0, 1, 2, 4, 5, 3)


def padded(padding, array, size, stride, dilation, value):
    """Pads an array; `"same"` puts an odd pixel at the end, as TensorFlow."""
    pads = [(0, 0)]
    for side in array.shape[1:3]:
        reach = (size - 1) * dilation + 1
        total = max((-(-side // stride) - 1) * stride + reach - side, 0)
        same = total // 2, total - total // 2
        pads.append(
            {"same": same, "valid": (0, 0)}.get(padding, (padding, padding))
        )
    return np.pad(array, [*pads, (0, 0)], constant_values=value)


def convolve(x, kernel, bias, stride, padding, dilation, data_format):
    """Convolves channels-last arrays in the given data format."""
    y = backend.convolve(
        *map(tensor, (to_format(x, data_format), kernel, bias)),
        (stride, stride),
        padding,
        (dilation, dilation),
        data_format,
    )
    return channels_last(y, data_format)


def sums(x, kernel, stride, padding, dilation=1):
    """Returns the weighted sums over windows, in float64."""
    x = padded(padding, x, len(kernel), stride, dilation, 0.0)
    x = windows(x.astype("float64"), len(kernel), stride, dilation)
    return np.einsum("bhwijc,ijcd->bhwd", x, kernel)


# On a backend that compiles, few channels take the simpler path.
CHANNELS = pytest.mark.parametrize("channels", once_but_first([16, 3]))


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("padding", ["same", "valid", 1])
class TestConvolve:
    @pytest.mark.parametrize(
        ("size", "stride", "dilation"),
        [
            once(3, 1, 1),
            (3, 2, 1),
            once(2, 2, 1),
            once(5, 2, 1),
            (7, 3, 1),
            (3, 1, 2),
            (1, 1, 1),
            (1, 2, 1),
        ],
    )
    @CHANNELS
    def test_is_the_sum_over_windows(
        self, data_format, padding, size, stride, dilation, channels
    ):
        x = image(11, 8, channels)
        shape = (size, size, channels, 5)
        kernel = np.random.default_rng(1).normal(size=shape).astype("float32")
        bias = np.arange(5.0)
        y = convolve(x, kernel, bias, stride, padding, dilation, data_format)
        expected = sums(x, kernel, stride, padding, dilation) + bias
        close(y, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(
        ("size", "stride", "outputs"),
        [
            once(3, 1, 5),
            (3, 2, 5),
            once(5, 2, 5),
            (7, 3, 5),
            (1, 1, 5),
            (1, 2, 5),
            (1, 1, 2),
        ],
    )
    @CHANNELS
    def test_gradients(
        self, data_format, padding, size, stride, outputs, channels
    ):
        """A convolution is bilinear, so other arguments verify gradients."""
        random = np.random.default_rng(2)

        def draw():
            x = random.normal(size=(2, 11, 8, channels)).astype("float32")
            kernel = random.normal(size=(size, size, channels, outputs))
            return x, kernel.astype("float32")

        (x, kernel), (other_x, other_kernel) = draw(), draw()
        g = random.normal(size=sums(x, kernel, stride, padding).shape)
        arguments = (stride, stride), padding, (1, 1), data_format

        def function(tensors):
            y = backend.convolve(*tensors, None, *arguments)
            return ops.sum(y * tensor(to_format(g, data_format)))

        _, (of_x, of_kernel) = backend.value_and_gradient(
            function, [to_format(x, data_format), kernel]
        )
        for found, other, arrays in (
            (channels_last(of_x, data_format), other_x, (other_x, kernel)),
            (of_kernel, other_kernel, (x, other_kernel)),
        ):
            found = np.sum(ops.convert_to_numpy(found) * other)
            expected = np.sum(sums(*arrays, stride, padding) * g)
            np.testing.assert_allclose(found, expected, rtol=1e-4)

    def test_adds_the_bias_to_channels_if_the_width_is_equal(
        self, data_format, padding
    ):
        x, kernel = np.zeros((1, 5, 5, 2)), np.zeros((1, 1, 2, 5))
        y = convolve(x, kernel, np.arange(5), 1, padding, 1, data_format)
        equal(y[0, 2, 3], np.arange(5))
        equal(y[0, 4, 1], np.arange(5))


def test_convolves_a_single_image_to_a_single_channel_with_a_gradient():
    """PyTorch has a separate kernel for this case."""

    def function(kernel):
        arguments = (1, 1), "same", (1, 1), "channels_last"
        return ops.sum(backend.convolve(x, kernel, None, *arguments))

    x = ops.ones((1, 1, 1, 2))
    kernel = np.ones((3, 3, 2, 1), "float32")
    _, gradient = backend.value_and_gradient(function, kernel)
    expected = np.zeros((3, 3, 2, 1))
    expected[1, 1] = 1.0
    equal(gradient, expected)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("padding", ["same", "valid", 1])
@pytest.mark.parametrize(
    ("size", "stride"), [once(2, 2), (3, 2), once(3, 1), (2, 1)]
)
class TestMaxPool:
    def test_is_the_maximum_of_windows(
        self, data_format, padding, size, stride
    ):
        x = image(8, 7, 3) - 5.0  # Negative, so padding by zeros would show.
        pool = (size, size), (stride, stride), padding, data_format
        y = backend.max_pool(tensor(to_format(x, data_format)), *pool)
        x = padded(padding, x, size, stride, 1, -np.inf)
        expected = windows(x, size, stride).max((3, 4))
        equal(channels_last(y, data_format), expected)

    def test_is_the_same_with_a_gradient(
        self, data_format, padding, size, stride
    ):
        x = to_format(image(8, 7, 3), data_format)
        pool = (size, size), (stride, stride), padding, data_format
        plain = backend.max_pool(tensor(x), *pool)
        value, gradient = backend.value_and_gradient(
            lambda tensor: ops.sum(backend.max_pool(tensor, *pool)), x
        )
        close(value, ops.convert_to_numpy(ops.sum(plain)), rtol=1e-6)
        # Each window sends its gradient of 1 to a single pixel.
        gradient = ops.convert_to_numpy(gradient)
        assert gradient.sum() == np.prod(ops.shape(plain))
        equal(gradient, np.round(gradient))

    def test_the_first_of_equal_values_gets_the_gradient(
        self, data_format, padding, size, stride
    ):
        # With three values, the maximum occurs twice in most windows.
        x = np.random.default_rng(3).integers(0, 3, (2, 8, 7, 3))
        x = x.astype("float32")
        bordered = padded(padding, x, size, stride, 1, -np.inf)
        top, left = (
            np.isinf(bordered[0, ..., 0].max(a)).argmin() for a in (1, 0)
        )
        view = windows(bordered, size, stride)
        g = np.random.default_rng(4).normal(size=(*view.shape[:3], 3))
        g = g.astype("float32")
        expected = np.zeros(bordered.shape)
        for b, i, j, c in np.ndindex(g.shape):
            row, column = divmod(int(view[b, i, j, ..., c].argmax()), size)
            at = b, i * stride + row, j * stride + column, c
            expected[at] += g[b, i, j, c]
        expected = expected[:, top : top + 8, left : left + 7]
        pool = (size, size), (stride, stride), padding, data_format
        pull = tensor(to_format(g, data_format))
        _, gradient = backend.value_and_gradient(
            lambda tensor: ops.sum(backend.max_pool(tensor, *pool) * pull),
            to_format(x, data_format),
        )
        gradient = channels_last(gradient, data_format)
        close(gradient, expected, rtol=1e-5, atol=1e-6)
