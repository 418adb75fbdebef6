import doctest

import keras
import numpy as np
import pytest

import keras_attn
from keras_attn.weights import (
    layouts,
    load_torch,
    names,
    register_names,
    to_torch,
)
from keras_attn.weights.files import to_numpy

FORMATS = ["channels_first", "channels_last"]


def built(layer, *shape):
    layer.build((None, *shape))
    return layer


def dense(**kwargs):
    return built(keras.layers.Dense(2, name="dense", **kwargs), 3)


FITTING = {"weight": np.arange(6.0).reshape(2, 3), "bias": np.array([7.0, 8])}


def import_torch():
    return pytest.importorskip("torch", reason="PyTorch is the oracle")


@pytest.fixture(autouse=True)
def no_other_models(monkeypatch):
    monkeypatch.setattr(names, "_functions", [])


def torch_network(seed):
    """Returns a network with all kinds of layers and no weight at its start."""
    torch = import_torch()
    nn = torch.nn
    network = nn.Sequential(
        nn.Conv2d(3, 8, (3, 2), bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, (2, 3), groups=8),
        nn.ReLU(),
        nn.Conv2d(16, 6, 1, groups=2),
        nn.Flatten(),
        nn.Linear(6 * 6 * 4, 5),
        nn.LayerNorm(5),
        nn.Linear(5, 4, bias=False),
        nn.BatchNorm1d(4),
    ).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.normal_(generator=generator)
            if name.endswith("running_var"):
                tensor.abs_().add_(0.1)
    return network


def keras_network(data_format):
    first = data_format == "channels_first"
    kwargs = {"data_format": data_format}
    axis = 1 if first else -1
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((3, 9, 7) if first else (9, 7, 3)),
            layers.Conv2D(8, (3, 2), use_bias=False, **kwargs),
            layers.BatchNormalization(axis, epsilon=1e-5),
            layers.DepthwiseConv2D((2, 3), depth_multiplier=2, **kwargs),
            layers.ReLU(),
            layers.Conv2D(6, 1, groups=2, **kwargs),
            layers.Flatten(**kwargs),
            layers.Dense(5),
            layers.LayerNormalization(epsilon=1e-5),
            layers.Dense(4, use_bias=False),
            layers.BatchNormalization(epsilon=1e-5),
        ]
    )

    @register_names
    def function(m):
        if m is not model:
            return None
        flat = {"weight": layouts.flattened(6, 4, 6)}
        return [
            (str(i), layer, flat if i == 6 else {})
            for i, layer in enumerate(m.layers)
            if layer.weights
        ]

    return model


def to_format(images, data_format):
    if data_format == "channels_first":
        return images
    return np.transpose(images, (0, 2, 3, 1))


@pytest.mark.parametrize("data_format", FORMATS)
class TestAgainstTorch:
    def test_computes_what_torch_computes(self, data_format):
        torch = import_torch()
        network, model = torch_network(1), keras_network(data_format)
        report = load_torch(model, network.state_dict())
        assert len(report.entries) == len(model.weights) == 18
        assert report.ignored == (
            "1.num_batches_tracked",
            "9.num_batches_tracked",
        )
        x = np.random.default_rng(2).normal(size=(2, 3, 9, 7))
        x = x.astype("float32")
        with torch.no_grad():
            expected = network(torch.from_numpy(x)).numpy()
        y = to_numpy(model(to_format(x, data_format)))
        assert np.ptp(expected) > 1
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)

    def test_torch_takes_what_is_written(self, data_format):
        torch = import_torch()
        network, model = torch_network(1), keras_network(data_format)
        load_torch(model, network.state_dict())
        arrays = to_torch(model)
        copy = torch_network(2)
        copy.load_state_dict(
            {name: torch.from_numpy(array) for name, array in arrays.items()},
            strict=True,
        )
        x = torch.ones((2, 3, 9, 7))
        assert torch.equal(copy(x), network(x))
        for name, tensor in network.state_dict().items():
            np.testing.assert_array_equal(arrays[name], tensor.numpy())


def test_computes_a_1d_convolution_as_torch_does():
    torch = import_torch()
    torch.manual_seed(3)
    conv = torch.nn.Conv1d(4, 5, 3)
    layer = built(keras.layers.Conv1D(5, 3), 9, 4)
    load_torch(layer, conv.state_dict())
    x = np.random.default_rng(4).normal(size=(2, 9, 4)).astype("float32")
    with torch.no_grad():
        y = conv(torch.from_numpy(x).permute(0, 2, 1)).permute(0, 2, 1)
    np.testing.assert_allclose(
        to_numpy(layer(x)), y.numpy(), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_goes_there_and_back_to_the_bit(dtype):
    layer = dense(dtype=dtype, bias_initializer="random_normal")
    before = [np.array(to_numpy(w)) for w in layer.weights]
    arrays = to_torch(layer)
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape))
    load_torch(layer, arrays)
    for weight, value in zip(layer.weights, before, strict=True):
        found = np.array(to_numpy(weight))
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)


def test_writes_bfloat16_as_float32_since_torch_does_not_take_it():
    layer = dense(dtype="bfloat16")
    assert {a.dtype.name for a in to_torch(layer).values()} == {"float32"}


def test_writes_a_counter_of_batches_as_torch_does():
    layer = built(keras.layers.BatchNormalization(), 3)
    counter = to_torch(layer)["num_batches_tracked"]
    assert counter.dtype == np.int64
    assert counter.shape == () and counter == 0


def test_writes_copies():
    layer = dense(bias_initializer="ones")
    arrays = to_torch(layer)
    for array in arrays.values():
        array += 1
    assert to_numpy(layer.bias).tolist() == [1, 1]
    layer.bias.assign([5.0, 5.0])
    assert arrays["bias"].tolist() == [2, 2]


def test_reads_copies():
    layer = dense()
    arrays = {name: array.astype("float32") for name, array in FITTING.items()}
    load_torch(layer, arrays)
    arrays["bias"] += 1
    assert to_numpy(layer.bias).tolist() == [7, 8]


@pytest.mark.parametrize(
    "dtype", ["float64", "float16", "int64", "uint8", "bfloat16"]
)
def test_takes_numbers_of_any_type(dtype):
    layer = dense()
    load_torch(layer, {name: a.astype(dtype) for name, a in FITTING.items()})
    assert layer.bias.dtype == "float32"
    kernel = to_numpy(layer.kernel)
    np.testing.assert_array_equal(kernel, FITTING["weight"].T)


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (2, 3, 1)])
def test_takes_a_1x1_convolution_for_a_dense_layer(shape):
    layer = dense()
    arrays = {**FITTING, "weight": FITTING["weight"].reshape(shape)}
    report = load_torch(layer, arrays)
    assert report.entries[0].torch_shape == shape
    kernel = to_numpy(layer.kernel)
    np.testing.assert_array_equal(kernel, FITTING["weight"].T)


def test_takes_a_linear_layer_for_a_1x1_convolution():
    layer = built(keras.layers.Conv2D(2, 1), 4, 4, 3)
    load_torch(layer, FITTING)
    kernel = to_numpy(layer.kernel)
    np.testing.assert_array_equal(kernel[0, 0], FITTING["weight"].T)


def test_reads_a_file(tmp_path):
    np.savez(tmp_path / "a.npz", **FITTING)
    layer = dense()
    load_torch(layer, tmp_path / "a.npz")
    assert to_numpy(layer.bias).tolist() == [7, 8]


class TestTiedWeights:
    @pytest.fixture
    def model(self):
        register_names(lambda m: [("a", m.layers[0]), ("b", m.layers[0])])
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        return model

    def test_are_written_under_each_name(self, model):
        arrays = to_torch(model)
        assert sorted(arrays) == ["a.bias", "a.weight", "b.bias", "b.weight"]
        load_torch(model, arrays)

    def test_must_be_equal(self, model):
        arrays = to_torch(model)
        arrays["b.bias"] = arrays["b.bias"] + 1
        with pytest.raises(ValueError, match="'b.bias': not 'a.bias', but the"):
            load_torch(model, arrays)


class TestReport:
    @pytest.fixture
    def report(self):
        layer = built(keras.layers.BatchNormalization(name="norm"), 3)
        arrays = to_torch(layer)
        del arrays["bias"]
        return load_torch(layer, {**arrays, "odd": [1]}, strict=False)

    def test_says_where_each_array_went(self, report):
        first = report.entries[0]
        assert first.source == "weight"
        assert first.target == "norm/gamma"
        assert first.torch_shape == first.keras_shape == (3,)
        assert first.layout == "same"
        assert [entry.target for entry in report.entries[1:]] == [
            "norm/moving_mean",
            "norm/moving_variance",
        ]

    def test_says_what_went_nowhere(self, report):
        assert report.ignored == ("num_batches_tracked",)
        assert report.missing == ("bias",)
        assert report.unexpected == ("odd",)

    def test_prints_a_table(self, report):
        assert str(report).splitlines() == [
            "source        target                PyTorch  Keras  layout",
            "weight        norm/gamma            (3,)     (3,)   same",
            "running_mean  norm/moving_mean      (3,)     (3,)   same",
            "running_var   norm/moving_variance  (3,)     (3,)   same",
            "ignored: num_batches_tracked",
            "missing: bias",
            "unexpected: odd",
        ]

    def test_says_none_where_there_is_none(self):
        lines = str(load_torch(dense(), FITTING)).splitlines()
        assert lines[1].split("  ")[-1] == "linear"
        assert lines[-3:] == [
            "ignored: none",
            "missing: none",
            "unexpected: none",
        ]

    def test_cannot_be_changed(self, report):
        with pytest.raises(AttributeError):
            report.missing = ()


class TestErrors:
    """Each leaves the target as it was."""

    @pytest.fixture
    def layer(self):
        layer = dense()
        before = [np.array(to_numpy(weight)) for weight in layer.weights]
        yield layer
        for weight, value in zip(layer.weights, before, strict=True):
            np.testing.assert_array_equal(to_numpy(weight), value)

    def refuse(self, layer, arrays, message, strict=True):
        with pytest.raises(ValueError) as caught:
            load_torch(layer, arrays, strict=strict)
        start = "The arrays must fit the weights of `dense` (Dense). Received:"
        assert str(caught.value) == f"{start}\n  {message}"

    def test_missing(self, layer):
        self.refuse(
            layer,
            {"weight": FITTING["weight"]},
            "missing: 'bias'\nNothing was loaded.",
        )

    def test_unexpected(self, layer):
        self.refuse(
            layer,
            {**FITTING, "b": np.ones(2), "c": "?"},
            "unexpected: 'b', 'c'\nNothing was loaded.",
        )

    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize(
        ("name", "array", "message"),
        [
            ("weight", np.ones((3, 2)), "shape (3, 2), expected (2, 3)"),
            ("bias", np.ones((1, 2)), "shape (1, 2), expected (2,)"),
            ("bias", np.ones(()), "shape (), expected (2,)"),
            ("bias", ["a", "b"], "holds <U1, not real numbers"),
            ("bias", [None, {}], "holds object, not real numbers"),
            ("bias", [1j, 2j], "holds complex128, not real numbers"),
            ("bias", [True, False], "holds bool, not real numbers"),
            ("bias", [np.nan, 0], "not finite as float32: 1 of 2 values"),
            ("bias", [np.inf, -np.inf], "not finite as float32: 2 of 2 values"),
            ("bias", [0, 1e300], "not finite as float32: 1 of 2 values"),
        ],
    )
    def test_arrays(self, layer, name, array, message, strict):
        self.refuse(
            layer,
            {**FITTING, name: array},
            f"{name!r}: {message}\nNothing was loaded.",
            strict,
        )

    def test_all_in_one(self, layer):
        register_names(lambda model: [("a", layer), ("b", other)])
        other = built(keras.layers.Dense(2, name="other"), 3)
        model = keras.Sequential([layer, other], name="both")
        model.built = True
        with pytest.raises(ValueError) as caught:
            load_torch(
                model,
                {
                    "a.weight": np.ones((4, 3)),
                    "a.bias": np.array([1.0, np.nan]),
                    "b.bias": np.ones(2),
                    "c": 1,
                },
            )
        assert str(caught.value).splitlines()[1:] == [
            "  missing: 'b.weight'",
            "  unexpected: 'c'",
            "  'a.weight': shape (4, 3), expected (2, 3)",
            "  'a.bias': not finite as float32: 1 of 2 values",
            "Nothing was loaded.",
        ]

    def test_shows_the_first_of_many(self, layer):
        five = [layer] + [
            built(keras.layers.Dense(2, name=f"other{i}"), 3) for i in range(4)
        ]
        register_names(lambda model: [(f"{i}", d) for i, d in enumerate(five)])
        model = keras.Sequential(five, name="many")
        model.built = True

        def message(*kinds):
            names = [f"{i}.{kind}" for i in range(5) for kind in kinds]
            with pytest.raises(ValueError) as caught:
                load_torch(model, {name: np.ones(9) for name in names})
            return str(caught.value).splitlines()

        lines = message("kernel", "beta")
        assert lines[1].endswith("'3.weight', '3.bias', and 2 more")
        assert lines[2].endswith("'3.kernel', '3.beta', and 2 more")
        lines = message("weight", "bias")
        assert len(lines) == 11
        assert lines[8:10] == [
            "  '3.bias': shape (9,), expected (2,)",
            "  and 2 more",
        ]

    @pytest.mark.parametrize("strict", [True, False])
    def test_nothing_that_fits(self, layer, strict):
        self.refuse(
            layer,
            {"kernel": np.ones((3, 2))},
            "missing: 'weight', 'bias'\n  unexpected: 'kernel'"
            "\nNothing was loaded.",
            strict,
        )

    @pytest.mark.parametrize("strict", [True, False])
    def test_nothing_at_all(self, layer, strict):
        self.refuse(
            layer,
            {},
            "missing: 'weight', 'bias'\nNothing was loaded.",
            strict,
        )

    def test_a_target_without_weights(self):
        layer = keras.layers.LayerNormalization(center=False, scale=False)
        with pytest.raises(ValueError, match="Received: no array"):
            load_torch(built(layer, 3), {})

    def test_a_counter_alone_is_nothing(self):
        layer = built(keras.layers.BatchNormalization(), 3)
        with pytest.raises(ValueError, match="missing: 'weight', 'bias', 'run"):
            load_torch(layer, {"num_batches_tracked": 3}, strict=False)

    def test_overflow_of_a_narrow_type(self):
        layer = dense(dtype="float16")
        with pytest.raises(ValueError, match="finite as float16: 1 of 2"):
            load_torch(layer, {**FITTING, "bias": np.array([1.0, 1e5])})

    @pytest.mark.parametrize("value", [[1.5, 2], [np.nan, 2], [2**40, 2]])
    def test_numbers_that_an_integer_cannot_hold(self, value):
        class Counter(keras.layers.Layer):
            torch_names = {"count": ("count", "same")}

            def build(self, input_shape):
                self.count = self.add_weight(
                    shape=(2,),
                    initializer="zeros",
                    dtype="int32",
                    trainable=False,
                )

        layer = built(Counter(), 1)
        load_torch(layer, {"count": [3.0, 4.0]})
        with pytest.raises(ValueError, match="numbers that int32 cannot hold"):
            load_torch(layer, {"count": np.array(value)})
        assert to_numpy(layer.count).tolist() == [3, 4]

    def test_an_assignment_that_fails(self, layer, monkeypatch):
        calls = []
        assign = keras.Variable.assign

        def failing(self, value):
            calls.append(self)
            if len(calls) == 2:
                raise RuntimeError("out of memory")
            return assign(self, value)

        monkeypatch.setattr(keras.Variable, "assign", failing)
        with pytest.raises(RuntimeError, match="out of memory"):
            load_torch(layer, FITTING)
        assert [variable.name for variable in calls[:2]] == ["kernel", "bias"]


class TestNotStrict:
    def test_loads_what_has_its_place(self):
        layer = dense(bias_initializer="ones")
        report = load_torch(
            layer, {"weight": FITTING["weight"], "odd": "?"}, strict=False
        )
        assert report.missing == ("bias",)
        assert report.unexpected == ("odd",)
        kernel = to_numpy(layer.kernel)
        np.testing.assert_array_equal(kernel, FITTING["weight"].T)
        assert to_numpy(layer.bias).tolist() == [1, 1]


@pytest.mark.parametrize(
    "function", [load_torch, to_torch, register_names, layouts.flattened]
)
def test_the_example_runs(function):
    globs = {"keras": keras, "keras_attn": keras_attn, "np": np}
    tests = doctest.DocTestFinder(recurse=False).find(function, globs=globs)
    assert len(tests) == 1 and tests[0].examples
    assert doctest.DocTestRunner().run(tests[0]).failed == 0
