"""Functions with and without gradients, on shapes alone, and of weights."""

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from tests.keras_attn.backend.arrays import close, equal, tensor


class TestValueAndGradient:
    def test_of_one_tensor(self):
        value, gradient = backend.value_and_gradient(
            lambda x: ops.sum(x**3), np.array([1.0, 2.0], "float32")
        )
        assert float(value) == 9.0
        close(gradient, [3.0, 12.0])

    def test_of_a_nest_and_zero_where_constant(self):
        x, y = np.float32(2.0), np.array([3.0, 4.0], "float32")
        _, gradients = backend.value_and_gradient(
            lambda t: t["x"] ** 2, {"x": x, "y": [y]}
        )
        assert float(gradients["x"]) == 4.0
        equal(gradients["y"][0], [0.0, 0.0])

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
        equal(gradient, [[3.0], [3.0]])


def executions(compiled):
    """Returns how often Python runs, every time or once per set of shapes."""
    return {"torch": 3}.get(keras.backend.backend(), compiled)


class TestDifferentiate:
    def test_returns_value_auxiliary_results_and_gradients(self):
        def function(x):
            return ops.sum(x**3), {"square": x**2, "more": [x + 1.0]}

        (value, others), gradient = backend.differentiate(function)(
            tensor([1.0, 2.0])
        )
        assert float(value) == 9.0
        assert {*others} == {"square", "more"}
        close(gradient, [3.0, 12.0], rtol=1e-6)
        close(others["square"], [1.0, 4.0], rtol=1e-6)
        close(others["more"][0], [2.0, 3.0], rtol=1e-6)

    def test_differentiates_only_the_first_argument(self):
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
            close(gradients["x"][0], [6.0 * factor, 2.0 * factor], rtol=1e-6)
            close(gradients["y"], [7.0, 8.0], rtol=1e-6)

    def test_is_zero_for_an_unused_tensor(self):
        run = backend.differentiate(lambda x: (ops.sum(x[0]), x[1]))
        _, gradients = run([tensor([1.0, 2.0]), tensor([[3.0]])])
        equal(gradients[0], 1.0)
        equal(gradients[1], [[0.0]])

    def test_leaves_no_gradient_in_a_variable(self):
        variable = keras.Variable(np.array([2.0, 3.0], "float32"))

        def function(x):
            return ops.sum(x * variable), x * variable

        (_, product), gradient = backend.differentiate(function)(
            tensor([1.0, 4.0])
        )
        equal(gradient, [2.0, 3.0])
        equal(product, [2.0, 12.0])
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
            equal(gradient, [number, 0.0])
        assert len(runs) == executions(1)
        run(tensor([1.0]), tensor([1.0]))
        assert len(runs) == executions(1) + 1


class TestInference:
    def test_returns_the_results_of_the_function(self):
        def function(nest, y):
            return {"sum": nest["x"] + y, "both": [nest["x"], (y,)]}

        x, y = tensor([1.0, 2.0]), tensor([3.0, 5.0])
        found = backend.inference(function)({"x": x}, y)
        keras.tree.assert_same_structure(found, function({"x": x}, y))
        equal(found["sum"], [4.0, 7.0])

    def test_stores_nothing_for_gradients(self):
        variable = keras.Variable(np.array([2.0, 3.0], "float32"))
        y = backend.inference(lambda x: x * variable)(tensor([1.0, 4.0]))
        equal(y, [2.0, 12.0])
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

    def test_does_not_need_values(self):
        """Except on PyTorch, which cannot run on shapes alone."""
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

    def test_stores_nothing_for_gradients(self):
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
            equal(value, array)

    def test_is_detached_from_the_variables(self):
        variable = keras.Variable(np.array([1.0, 2.0], "float32"))
        (value,) = backend.state([variable])
        if keras.backend.backend() == "torch":
            assert variable.value.requires_grad
            assert not value.requires_grad
        run = backend.differentiate(lambda x, y: (ops.sum(x * y), ()))
        _, gradient = run(tensor([3.0, 4.0]), value)
        equal(gradient, [1.0, 2.0])

    def test_is_the_current_state(self):
        variable = keras.Variable(np.array([1.0], "float32"))
        assert float(backend.state([variable])[0][0]) == 1.0
        variable.assign([5.0])
        assert float(backend.state([variable])[0][0]) == 5.0
