import doctest

import keras
import numpy as np
import pytest

import keras_attn
from keras_attn.weights import (
    layouts,
    load_torch,
    register_names,
    to_torch,
)
from keras_attn.weights.files import to_numpy
from tests.contracts.devices import FORMATS, from_format, to_format
from tests.keras_attn.weights.crafted import import_torch
from tests.keras_attn.weights.fitting import (
    FITTING,
    assert_state,
    built,
    dense,
    state_of,
)
from tests.marks import once_but_first

pytestmark = pytest.mark.usefixtures("no_other_models")


def torch_network(seed):
    """Returns a network of all kinds of layers, with no initial values."""
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


@pytest.mark.parametrize("data_format", once_but_first(FORMATS))
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
        images = to_format(from_format(x, "channels_first"), data_format)
        y = to_numpy(model(images))
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


@pytest.mark.parametrize(
    "dtype", once_but_first(["float32", "float16", "bfloat16"])
)
def test_goes_there_and_back_to_the_bit(dtype):
    layer = dense(dtype=dtype, bias_initializer="random_normal")
    before = state_of(layer)
    arrays = to_torch(layer)
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape))
    load_torch(layer, arrays)
    assert_state(layer, before)


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
        with pytest.raises(ValueError, match="'b.bias': differs from 'a.bias'"):
            load_torch(model, arrays)


class TestNotStrict:
    def test_loads_arrays_that_fit(self):
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
