"""The functions that each backend's module promises, on the one that runs."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.backend import compiled

FORMATS = ("channels_last", "channels_first")


def image(height, width, channels, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(2, height, width, channels)).astype("float32")


def to_format(array, data_format):
    first = data_format == "channels_first"
    return array.transpose(0, 3, 1, 2).copy() if first else array


def channels_last(tensor, data_format):
    array = ops.convert_to_numpy(tensor)
    first = data_format == "channels_first"
    return array.transpose(0, 2, 3, 1) if first else array


def windows(array, size, stride, dilation=1):
    """Returns `(batch, rows, columns, size, size, channels)` by slices."""
    reach = (size - 1) * dilation + 1
    view = np.lib.stride_tricks.sliding_window_view(
        array, (reach, reach), axis=(1, 2)
    )
    view = view[:, ::stride, ::stride, :, ::dilation, ::dilation]
    return view.transpose(0, 1, 2, 4, 5, 3)


def padded(padding, array, size, stride, dilation, value):
    """Pads; "same" as TensorFlow defines it: the odd one goes to the end."""
    pads = [(0, 0)]
    for side in array.shape[1:3]:
        reach = (size - 1) * dilation + 1
        total = max((-(-side // stride) - 1) * stride + reach - side, 0)
        same = total // 2, total - total // 2
        pads.append(
            {"same": same, "valid": (0, 0)}.get(padding, (padding, padding))
        )
    return np.pad(array, [*pads, (0, 0)], constant_values=value)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("padding", ["same", "valid", 1])
class TestConvolve:
    @pytest.mark.parametrize(
        ("size", "stride", "dilation"),
        [
            (3, 1, 1),
            (3, 2, 1),
            (2, 2, 1),
            (5, 2, 1),
            (7, 3, 1),
            (3, 1, 2),
            (1, 1, 1),
            (1, 2, 1),
        ],
    )
    @pytest.mark.parametrize("channels", [3, 16])
    def test_is_the_sum_over_windows(
        self, data_format, padding, size, stride, dilation, channels
    ):
        x = image(11, 8, channels)
        shape = (size, size, channels, 5)
        kernel = np.random.default_rng(1).normal(size=shape)
        kernel, bias = kernel.astype("float32"), np.arange(5, dtype="float32")
        y = backend.convolve(
            ops.convert_to_tensor(to_format(x, data_format)),
            ops.convert_to_tensor(kernel),
            ops.convert_to_tensor(bias),
            (stride, stride),
            padding,
            (dilation, dilation),
            data_format,
        )
        x = padded(padding, x, size, stride, dilation, 0.0)
        x = windows(x.astype("float64"), size, stride, dilation)
        expected = np.einsum("bhwijc,ijcd->bhwd", x, kernel) + bias
        y = channels_last(y, data_format)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(
        ("size", "stride", "outputs"),
        [
            (3, 1, 5),
            (3, 2, 5),
            (5, 2, 5),
            (7, 3, 5),
            (1, 1, 5),
            (1, 2, 5),
            (1, 1, 2),
        ],
    )
    @pytest.mark.parametrize("channels", [3, 16])
    def test_gradients(
        self, data_format, padding, size, stride, outputs, channels
    ):
        """It is bilinear, so that other arguments show the gradients."""
        random = np.random.default_rng(2)

        def draw():
            x = random.normal(size=(2, 11, 8, channels)).astype("float32")
            kernel = random.normal(size=(size, size, channels, outputs))
            return x, kernel.astype("float32")

        def expected(x, kernel):
            x = padded(padding, x, size, stride, 1, 0.0)
            x = windows(x.astype("float64"), size, stride)
            return np.einsum("bhwijc,ijcd->bhwd", x, kernel)

        (x, kernel), (other_x, other_kernel) = draw(), draw()
        g = random.normal(size=expected(x, kernel).shape)
        arguments = (stride, stride), padding, (1, 1), data_format

        def function(tensors):
            y = backend.convolve(*tensors, None, *arguments)
            pull = to_format(g.astype("float32"), data_format)
            return ops.sum(y * ops.convert_to_tensor(pull))

        _, (of_x, of_kernel) = backend.value_and_gradient(
            function, [to_format(x, data_format), kernel]
        )
        np.testing.assert_allclose(
            np.sum(channels_last(of_x, data_format) * other_x),
            np.sum(expected(other_x, kernel) * g),
            rtol=1e-4,
        )
        np.testing.assert_allclose(
            np.sum(ops.convert_to_numpy(of_kernel) * other_kernel),
            np.sum(expected(x, other_kernel) * g),
            rtol=1e-4,
        )

    def test_adds_the_bias_to_channels_though_the_image_is_as_wide(
        self, data_format, padding
    ):
        x = np.zeros((1, 5, 5, 2), "float32")
        y = backend.convolve(
            ops.convert_to_tensor(to_format(x, data_format)),
            ops.zeros((1, 1, 2, 5)),
            ops.arange(5, dtype="float32"),
            (1, 1),
            padding,
            (1, 1),
            data_format,
        )
        y = channels_last(y, data_format)
        np.testing.assert_array_equal(y[0, 2, 3], np.arange(5))
        np.testing.assert_array_equal(y[0, 4, 1], np.arange(5))


def test_convolves_a_single_image_to_a_single_channel_with_a_gradient():
    """PyTorch has a kernel of its own for this, with one thread."""

    def function(kernel):
        arguments = (1, 1), "same", (1, 1), "channels_last"
        return ops.sum(backend.convolve(x, kernel, None, *arguments))

    x = ops.ones((1, 1, 1, 2))
    kernel = np.ones((3, 3, 2, 1), "float32")
    _, gradient = backend.value_and_gradient(function, kernel)
    expected = np.zeros((3, 3, 2, 1))
    expected[1, 1] = 1.0
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), expected)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("by_product", [True, False])
def test_convolves_by_one_pixel_with_and_without_a_product(
    by_product, data_format
):
    """XLA on a CPU takes the product, on a GPU it has none."""

    def product(inputs, kernel, strides, padding, dilation_rate, data_format):
        return compiled.convolve_pixels(inputs, kernel, strides, data_format)

    x = image(5, 4, 3)
    kernel = np.random.default_rng(1).normal(size=(1, 1, 3, 6))
    y = compiled.convolve(
        product if by_product else compiled.convolution,
        ops.convert_to_tensor(to_format(x, data_format)),
        ops.convert_to_tensor(kernel.astype("float32")),
        None,
        (2, 2),
        0,
        (1, 1),
        data_format,
    )
    expected = x[:, ::2, ::2] @ kernel[0, 0]
    y = channels_last(y, data_format)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("padding", ["same", "valid", 1])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 1), (2, 1)])
class TestMaxPool:
    def test_is_the_maximum_of_windows(
        self, data_format, padding, size, stride
    ):
        x = image(8, 7, 3) - 5.0  # Negative: padding by zeros would show.
        pool = (size, size), (stride, stride), padding, data_format
        tensor = ops.convert_to_tensor(to_format(x, data_format))
        y = channels_last(backend.max_pool(tensor, *pool), data_format)
        x = padded(padding, x, size, stride, 1, -np.inf)
        expected = windows(x, size, stride).max((3, 4))
        np.testing.assert_array_equal(y, expected)

    def test_is_the_same_where_a_gradient_is_taken(
        self, data_format, padding, size, stride
    ):
        x = to_format(image(8, 7, 3), data_format)
        pool = (size, size), (stride, stride), padding, data_format
        plain = ops.sum(backend.max_pool(ops.convert_to_tensor(x), *pool))
        value, gradient = backend.value_and_gradient(
            lambda tensor: ops.sum(backend.max_pool(tensor, *pool)), x
        )
        gradient = ops.convert_to_numpy(gradient)
        np.testing.assert_allclose(
            ops.convert_to_numpy(value),
            ops.convert_to_numpy(plain),
            rtol=1e-6,
        )
        # Each window sends its 1 to a single pixel, and nothing is lost.
        outputs = ops.shape(backend.max_pool(ops.convert_to_tensor(x), *pool))
        assert gradient.sum() == np.prod(outputs)
        np.testing.assert_array_equal(gradient, np.round(gradient))

    def test_the_first_of_equal_values_has_the_gradient(
        self, data_format, padding, size, stride
    ):
        # Of three values, most windows have the largest one twice.
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
        pull = ops.convert_to_tensor(to_format(g, data_format))
        _, gradient = backend.value_and_gradient(
            lambda tensor: ops.sum(backend.max_pool(tensor, *pool) * pull),
            to_format(x, data_format),
        )
        gradient = channels_last(gradient, data_format)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axis", [-1, 1])
class TestNormalize:
    def test_by_the_batch_gives_its_biased_statistics(self, axis):
        x = np.moveaxis(image(4, 3, 5) * 3 + 2, -1, axis)
        gamma, beta = np.arange(1.0, 6), np.arange(5.0)
        y, mean, variance = backend.normalize_batch(
            *(ops.convert_to_tensor(a, "float32") for a in (x, gamma, beta)),
            axis=axis,
            epsilon=1e-3,
        )
        last = np.moveaxis(x.astype("float64"), axis, -1)
        expected_mean, expected_variance = (
            last.mean((0, 1, 2)),
            last.var((0, 1, 2)),
        )
        scaled = (last - expected_mean) / np.sqrt(expected_variance + 1e-3)
        expected = np.moveaxis(scaled * gamma + beta, -1, axis)
        close = {"rtol": 1e-4, "atol": 1e-5}
        np.testing.assert_allclose(ops.convert_to_numpy(y), expected, **close)
        np.testing.assert_allclose(
            ops.convert_to_numpy(mean), expected_mean, **close
        )
        np.testing.assert_allclose(
            ops.convert_to_numpy(variance), expected_variance, **close
        )

    def test_by_given_statistics(self, axis):
        x = np.moveaxis(image(4, 3, 2), -1, axis)
        mean, variance, gamma, beta = (
            ops.convert_to_tensor(np.array(a, "float32"))
            for a in ([1, 2], [3, 8], [2, 1], [0, 7])
        )
        y = backend.normalize(
            ops.convert_to_tensor(x), mean, variance, gamma, beta, axis, 1.0
        )
        last = np.moveaxis(x, axis, -1)
        expected = (last - [1, 2]) / [2, 3] * [2, 1] + [0, 7]
        expected = np.moveaxis(expected, -1, axis)
        np.testing.assert_allclose(
            ops.convert_to_numpy(y), expected, rtol=1e-5, atol=1e-5
        )


def test_normalizing_a_single_value_gives_beta_and_no_variance():
    x = ops.convert_to_tensor(np.array([[3.0, -4.0]], "float32"))
    ones = ops.ones((2,))
    y, mean, variance = backend.normalize_batch(x, ones, ones * 5, -1, 1e-3)
    # Rounding of the mean, divided by the root of epsilon.
    close = {"rtol": 0, "atol": 1e-5}
    np.testing.assert_allclose(ops.convert_to_numpy(y), [[5.0, 5.0]], **close)
    np.testing.assert_allclose(ops.convert_to_numpy(mean), [3, -4], **close)
    np.testing.assert_allclose(ops.convert_to_numpy(variance), 0.0, **close)


class TestValueAndGradient:
    def test_of_one_tensor(self):
        value, gradient = backend.value_and_gradient(
            lambda x: ops.sum(x**3), np.array([1.0, 2.0], "float32")
        )
        assert float(value) == 9.0
        np.testing.assert_allclose(ops.convert_to_numpy(gradient), [3.0, 12.0])

    def test_of_a_nest_and_zero_where_nothing_depends(self):
        x, y = np.float32(2.0), np.array([3.0, 4.0], "float32")
        _, gradients = backend.value_and_gradient(
            lambda t: t["x"] ** 2, {"x": x, "y": [y]}
        )
        assert float(gradients["x"]) == 4.0
        np.testing.assert_array_equal(
            ops.convert_to_numpy(gradients["y"][0]), [0.0, 0.0]
        )

    def test_with_respect_to_weights(self):
        layer = keras.layers.Dense(1, use_bias=False)
        layer.build((None, 2))
        variables = layer.trainable_variables

        def function(values):
            state = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=state):
                return ops.sum(layer(ops.ones((3, 2))))

        values = [np.array([[1.0], [2.0]], "float32")]
        value, (gradient,) = backend.value_and_gradient(function, values)
        assert float(value) == 9.0
        np.testing.assert_array_equal(
            ops.convert_to_numpy(gradient), [[3.0], [3.0]]
        )


def tensor(values):
    return ops.convert_to_tensor(np.array(values, "float32"))


def executions(compiled):
    """Returns how often Python runs: each time, or once for given shapes."""
    return {"torch": 3}.get(keras.backend.backend(), compiled)


class TestDifferentiate:
    def test_returns_value_and_what_else_is_wanted_and_gradients(self):
        def function(x):
            return ops.sum(x**3), {"square": x**2, "more": [x + 1.0]}

        (value, others), gradient = backend.differentiate(function)(
            tensor([1.0, 2.0])
        )
        assert float(value) == 9.0
        assert {*others} == {"square", "more"}
        for found, expected in (
            (gradient, [3.0, 12.0]),
            (others["square"], [1.0, 4.0]),
            (others["more"][0], [2.0, 3.0]),
        ):
            found = ops.convert_to_numpy(found)
            np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_only_by_the_first_argument(self):
        def function(nest, factor, others):
            total = factor * nest["x"][0] ** 2 + nest["y"] * others[0]
            return ops.sum(total), ()

        nest = {"x": [tensor([3.0, 1.0])], "y": tensor([4.0, 0.0])}
        run = backend.differentiate(function)
        for factor in (2.0, 5.0):
            others = [tensor([7.0, 8.0])]
            (value, rest), gradients = run(nest, tensor(factor), others)
            assert float(value) == factor * 10.0 + 28.0
            assert len(rest) == 0
            keras.tree.assert_same_structure(gradients, nest)
            for found, expected in (
                (gradients["x"][0], [6.0 * factor, 2.0 * factor]),
                (gradients["y"], [7.0, 8.0]),
            ):
                found = ops.convert_to_numpy(found)
                np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_is_zero_for_a_tensor_that_is_not_used(self):
        run = backend.differentiate(lambda x: (ops.sum(x[0]), x[1]))
        _, gradients = run([tensor([1.0, 2.0]), tensor([[3.0]])])
        np.testing.assert_array_equal(ops.convert_to_numpy(gradients[0]), 1.0)
        unused = ops.convert_to_numpy(gradients[1])
        np.testing.assert_array_equal(unused, [[0.0]])

    def test_leaves_no_gradient_to_a_variable(self):
        variable = keras.Variable(np.array([2.0, 3.0], "float32"))

        def function(x):
            return ops.sum(x * variable), x * variable

        (_, product), gradient = backend.differentiate(function)(
            tensor([1.0, 4.0])
        )
        found = ops.convert_to_numpy(gradient)
        np.testing.assert_array_equal(found, [2.0, 3.0])
        found = ops.convert_to_numpy(product)
        np.testing.assert_array_equal(found, [2.0, 12.0])
        if keras.backend.backend() == "torch":
            assert not product.requires_grad
            assert not gradient.requires_grad
            assert variable.value.grad is None

    def test_is_compiled_once_for_the_same_shapes(self):
        runs = []

        def function(x, y):
            runs.append(None)
            return ops.sum(x * y), ()

        run = backend.differentiate(function)
        for number in (1.0, 2.0, 3.0):
            _, gradient = run(tensor([1.0, number]), tensor([number, 0.0]))
            found = ops.convert_to_numpy(gradient)
            np.testing.assert_array_equal(found, [number, 0.0])
        assert len(runs) == executions(1)
        run(tensor([1.0]), tensor([1.0]))
        assert len(runs) == executions(1) + 1


class TestInference:
    def test_returns_what_the_function_returns(self):
        def function(nest, y):
            return {"sum": nest["x"] + y, "both": [nest["x"], (y,)]}

        x, y = tensor([1.0, 2.0]), tensor([3.0, 5.0])
        found = backend.inference(function)({"x": x}, y)
        keras.tree.assert_same_structure(found, function({"x": x}, y))
        found = ops.convert_to_numpy(found["sum"])
        np.testing.assert_array_equal(found, [4.0, 7.0])

    def test_keeps_nothing_for_a_gradient(self):
        variable = keras.Variable(np.array([2.0, 3.0], "float32"))
        y = backend.inference(lambda x: x * variable)(tensor([1.0, 4.0]))
        np.testing.assert_array_equal(ops.convert_to_numpy(y), [2.0, 12.0])
        if keras.backend.backend() == "torch":
            assert not y.requires_grad

    def test_is_compiled_once_for_the_same_shapes(self):
        runs = []

        def function(x):
            runs.append(None)
            return 2.0 * x

        run = backend.inference(function)
        for number in (1.0, 2.0, 3.0):
            assert float(run(tensor([number]))[0]) == 2.0 * number
        assert len(runs) == executions(1)
        run(tensor([1.0, 2.0]))
        assert len(runs) == executions(1) + 1


class TestTrace:
    def test_runs_the_python_of_the_function(self):
        seen = []

        def function(nest, y):
            z = ops.matmul(nest["x"], y)
            seen.append((tuple(z.shape), z.dtype))
            return z

        backend.trace(function, {"x": ops.zeros((2, 3))}, ops.zeros((3, 5)))
        ((shape, dtype),) = seen
        assert shape == (2, 5)
        assert keras.backend.standardize_dtype(dtype) == "float32"

    def test_runs_it_each_time(self):
        seen = []

        def function(x):
            seen.append(None)
            return x

        for _ in range(2):
            backend.trace(function, tensor([7.0]))
        assert len(seen) == 2

    def test_needs_no_numbers(self):
        """But for PyTorch, which has no shapes without."""
        known = []

        def function(x):
            try:
                known.append(float(ops.convert_to_numpy(x)[0]))
            except Exception as error:
                known.append(type(error))
            return x

        backend.trace(function, tensor([7.0]))
        if keras.backend.backend() == "torch":
            assert known == [7.0]
        else:
            assert issubclass(*known, Exception)

    def test_keeps_nothing_for_a_gradient(self):
        variable = keras.Variable(np.ones(2, "float32"))
        seen = []
        backend.trace(lambda x: seen.append(x * variable), tensor([1.0, 2.0]))
        assert len(seen) == 1
        if keras.backend.backend() == "torch":
            assert not seen[0].requires_grad


class TestState:
    def test_holds_the_values(self):
        arrays = [
            np.array([[1.0, 2.0]], "float32"),
            np.array(7, "int32"),
            np.array([3.0], "float32"),
        ]
        variables = [
            keras.Variable(array, dtype=str(array.dtype), trainable=i != 1)
            for i, array in enumerate(arrays)
        ]
        values = backend.state(variables)
        assert len(values) == 3
        for value, array in zip(values, arrays, strict=True):
            assert ops.is_tensor(value)
            assert not isinstance(value, keras.Variable)
            dtype = keras.backend.standardize_dtype(value.dtype)
            assert dtype == str(array.dtype)
            np.testing.assert_array_equal(ops.convert_to_numpy(value), array)

    def test_is_cut_off_from_the_variables(self):
        variable = keras.Variable(np.array([1.0, 2.0], "float32"))
        (value,) = backend.state([variable])
        if keras.backend.backend() == "torch":
            assert variable.value.requires_grad
            assert not value.requires_grad
        run = backend.differentiate(lambda x, y: (ops.sum(x * y), ()))
        _, gradient = run(tensor([3.0, 4.0]), value)
        found = ops.convert_to_numpy(gradient)
        np.testing.assert_array_equal(found, [1.0, 2.0])

    def test_is_that_of_the_moment(self):
        variable = keras.Variable(np.array([1.0], "float32"))
        assert float(backend.state([variable])[0][0]) == 1.0
        variable.assign([5.0])
        assert float(backend.state([variable])[0][0]) == 5.0


@pytest.mark.parametrize("axes", [(1, 2), (3,)])
def test_largest_shares_the_gradient_of_equal_values(axes):
    x = np.random.default_rng(0).integers(0, 3, (2, 4, 3, 5))
    x = x.astype("float32")
    g = np.random.default_rng(1).normal(size=x.max(axes).shape)
    g = g.astype("float32")
    plain = backend.largest(ops.convert_to_tensor(x), axes)
    np.testing.assert_array_equal(ops.convert_to_numpy(plain), x.max(axes))
    value, gradient = backend.value_and_gradient(
        lambda x: ops.sum(backend.largest(x, axes) * ops.convert_to_tensor(g)),
        x,
    )
    value = ops.convert_to_numpy(value)
    np.testing.assert_allclose(value, np.sum(x.max(axes) * g), rtol=1e-5)
    equal = x == x.max(axes, keepdims=True)
    expected = equal * np.expand_dims(g, axes) / equal.sum(axes, keepdims=True)
    gradient = ops.convert_to_numpy(gradient)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("axes", [(1, 2), (2, 3), (3,)])
def test_mean(axes):
    x = image(4, 3, 5)
    g = np.random.default_rng(1).normal(size=x.mean(axes).shape)
    g = g.astype("float32")
    plain = ops.convert_to_numpy(backend.mean(ops.convert_to_tensor(x), axes))
    np.testing.assert_allclose(plain, x.mean(axes), rtol=1e-4, atol=1e-6)
    _, gradient = backend.value_and_gradient(
        lambda x: ops.sum(backend.mean(x, axes) * ops.convert_to_tensor(g)), x
    )
    count = x.size / g.size
    expected = np.broadcast_to(np.expand_dims(g, axes) / count, x.shape)
    gradient = ops.convert_to_numpy(gradient)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


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
        return ops.sum(y * ops.convert_to_tensor(g))

    value, gradients = backend.value_and_gradient(function, [x, kernel, bias])
    expected = x @ kernel + bias * with_bias
    close = {"rtol": 1e-4, "atol": 1e-5}
    value = ops.convert_to_numpy(value)
    np.testing.assert_allclose(value, np.sum(expected * g), **close)
    expected = g @ kernel.T, x.T @ g, g.sum(0) * with_bias
    for gradient, array in zip(gradients, expected, strict=True):
        gradient = ops.convert_to_numpy(gradient)
        np.testing.assert_allclose(gradient, array, **close)


def test_rectify():
    x = image(4, 3, 2)
    y = backend.rectify(ops.convert_to_tensor(x.copy()))
    np.testing.assert_array_equal(ops.convert_to_numpy(y), np.maximum(x, 0))


def test_contiguous_moves_no_value():
    x = image(4, 3, 2).transpose(2, 0, 3, 1)
    y = backend.contiguous(ops.convert_to_tensor(x))
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x)


def test_gelu_is_exact():
    x = np.array([-8, -3, -1, -0.1, 0, 0.1, 1, 3, 8], "float32")
    expected = [0.5 * each * (1 + math.erf(each / 2**0.5)) for each in x]
    y = ops.convert_to_numpy(backend.gelu(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 6)])
def test_normalize_last(shape):
    """Against the formula, and its gradients by differences, in float64."""
    random = np.random.default_rng(0)
    x, g = random.normal(2, 3, (2, *shape))
    gamma, beta = random.normal(size=(2, 6))

    def expected(x, gamma, beta):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    def function(tensors):
        y = backend.normalize_last(*tensors, 1e-3)
        return ops.sum(y * ops.convert_to_tensor(g.astype("float32")))

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
        gradient = ops.convert_to_numpy(gradient)
        np.testing.assert_allclose(gradient, differences, rtol=1e-4, atol=1e-4)


def test_normalize_last_of_constants():
    ones = ops.ones((2, 3, 4))

    def function(x):
        y = backend.normalize_last(x, ops.ones(4), ops.zeros(4), 1e-6)
        return ops.sum(y * y)

    value, gradient = backend.value_and_gradient(function, ones)
    assert float(ops.convert_to_numpy(value)) == 0
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), 0)


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
    found = ops.convert_to_numpy(ops.cast(found, "float32"))
    atol = 1e-5 if dtype == "float32" else 4e-2
    np.testing.assert_allclose(found, expected, atol=atol)


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="only JAX computes with symbols"
)
class TestOpenSizes:
    """A model exported by JAX may leave height and width open."""

    def both(self, function, channels):
        """Returns results of a file for open sizes, and of the function."""
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
            np.testing.assert_allclose(found, expected, atol=1e-4)

    @pytest.mark.parametrize("padding", ["same", "valid", 1])
    def test_max_pool(self, padding):
        def function(x):
            arguments = (3, 3), (2, 2), padding, "channels_last"
            return backend.max_pool(x, *arguments)

        for found, expected in self.both(function, 3):
            np.testing.assert_array_equal(found, expected)

    def test_gradient_of_max_pool(self):
        import jax

        def squares(x):
            arguments = (3, 3), (2, 2), "valid", "channels_last"
            y = backend.max_pool(x, *arguments)
            return jax.numpy.sum(y * y)

        for found, expected in self.both(jax.grad(squares), 3):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-5)

    def test_a_branch_with_stride_is_as_large_as_its_shortcut(self):
        """Said by symbols, which JAX has to find equal."""
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
            np.testing.assert_allclose(found, expected, atol=1e-4)
