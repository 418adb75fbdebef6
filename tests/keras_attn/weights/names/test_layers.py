"""Names of the weights of a layer, from its class or its `torch_names`."""

import keras
import numpy as np
import pytest

from keras_attn.weights import load_torch, register_names, to_torch
from keras_attn.weights.files import to_numpy
from keras_attn.weights.layouts import Layout
from tests.keras_attn.weights.fitting import built, shapes

pytestmark = [
    pytest.mark.once,
    pytest.mark.usefixtures("no_other_models"),
]


class Conv(keras.layers.Conv2D):
    """A subclass like those in `keras_attn.layers`."""


class Norm(keras.layers.BatchNormalization):
    """A subclass like those in `keras_attn.layers`."""


class Gate(keras.layers.Layer):
    """A layer with two naming schemes and all features of a scheme."""

    torch_names = (
        {
            "fc.0.weight": ("kernel", "linear"),
            "fc.0.bias": ("bias", "same"),
            "norm.weight": ("norm.gamma", "same"),
            "norm.count": None,
        },
        {
            "fc1.weight": ("kernel", "pointwise"),
            "fc1.bias": ("bias", "same"),
            "bn.weight": ("norm.gamma", "same"),
        },
    )

    def __init__(self, use_bias=True, use_norm=True, **kwargs):
        super().__init__(**kwargs)
        self.use_bias = use_bias
        self.norm = None
        if use_norm:
            self.norm = keras.layers.LayerNormalization(center=False)

    def build(self, input_shape):
        channels = input_shape[-1]
        self.kernel = self.add_weight(name="kernel", shape=(channels, 2))
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(2,))
        if self.norm is not None:
            self.norm.build((None, 2))

    def call(self, inputs):
        return inputs


NORM = {"weight": (5,), "bias": (5,)}
STATISTICS = {"running_mean": (5,), "running_var": (5,)}


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (
            keras.layers.Conv2D(5, (2, 3)),
            (8, 8, 3),
            {"weight": (5, 3, 2, 3), "bias": (5,)},
        ),
        (
            Conv(4, 3, groups=2, use_bias=False),
            (8, 8, 6),
            {"weight": (4, 3, 3, 3)},
        ),
        (
            keras.layers.Conv1D(5, 2),
            (8, 3),
            {"weight": (5, 3, 2), "bias": (5,)},
        ),
        (
            keras.layers.DepthwiseConv2D((2, 3), depth_multiplier=2),
            (8, 8, 3),
            {"weight": (6, 1, 2, 3), "bias": (6,)},
        ),
        (keras.layers.Dense(5), (3,), {"weight": (5, 3), "bias": (5,)}),
        (keras.layers.Dense(5, use_bias=False), (3,), {"weight": (5, 3)}),
        (
            keras.layers.BatchNormalization(),
            (5,),
            {**NORM, **STATISTICS, "num_batches_tracked": ()},
        ),
        (
            Norm(scale=False, center=False),
            (5,),
            {**STATISTICS, "num_batches_tracked": ()},
        ),
        (keras.layers.LayerNormalization(), (5,), NORM),
        (keras.layers.LayerNormalization(center=False), (5,), {"weight": (5,)}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_knows_the_layers_of_keras(layer, shape, expected):
    arrays = to_torch(built(layer, *shape))
    assert shapes(arrays) == expected
    rng = np.random.default_rng(1)
    arrays = {n: rng.uniform(size=a.shape) for n, a in arrays.items()}
    load_torch(layer, arrays)
    for name, array in to_torch(layer).items():
        if name != "num_batches_tracked":
            np.testing.assert_array_equal(array, arrays[name].astype("float32"))


def test_tells_the_four_arrays_of_a_normalization_apart():
    layer = built(keras.layers.BatchNormalization(), 1)
    arrays = {
        "weight": [1.0],
        "bias": [2.0],
        "running_mean": [3.0],
        "running_var": [4.0],
    }
    load_torch(layer, arrays)
    assert to_numpy(layer.gamma) == 1
    assert to_numpy(layer.beta) == 2
    assert to_numpy(layer.moving_mean) == 3
    assert to_numpy(layer.moving_variance) == 4


class TestTorchNames:
    def test_writes_the_first_scheme(self):
        assert shapes(to_torch(built(Gate(), 4))) == {
            "fc.0.weight": (2, 4),
            "fc.0.bias": (2,),
            "norm.weight": (2,),
            "norm.count": (),
        }

    @pytest.mark.parametrize(
        "arrays",
        [
            {
                "fc.0.weight": np.ones((2, 4)),
                "fc.0.bias": np.full(2, 2.0),
                "norm.weight": np.full(2, 3.0),
            },
            {
                "fc1.weight": np.ones((2, 4, 1, 1)),
                "fc1.bias": np.full(2, 2.0),
                "bn.weight": np.full(2, 3.0),
            },
        ],
        ids=["first", "second"],
    )
    def test_recognises_the_scheme_by_the_names(self, arrays):
        layer = built(Gate(), 4)
        report = load_torch(layer, arrays)
        assert [entry.source for entry in report.entries] == list(arrays)
        assert np.all(to_numpy(layer.kernel) == 1)
        assert np.all(to_numpy(layer.bias) == 2)
        assert np.all(to_numpy(layer.norm.gamma) == 3)

    def test_recognises_the_scheme_of_each_layer(self):
        @register_names
        def function(model):
            return [("first", model.layers[0]), ("second", model.layers[1])]

        gates = [Gate(use_norm=False, name=f"gate{i}") for i in range(2)]
        model = keras.Sequential([keras.Input((4,)), *gates])
        arrays = {
            "first.fc1.weight": np.full((2, 4, 1, 1), 1.0),
            "first.fc1.bias": np.full(2, 2.0),
            "second.fc.0.weight": np.full((2, 4), 3.0),
            "second.fc.0.bias": np.full(2, 4.0),
        }
        report = load_torch(model, arrays)
        assert [entry.source for entry in report.entries] == list(arrays)
        values = [float(np.ravel(w)[0]) for w in map(to_numpy, model.weights)]
        assert values == [1.0, 2.0, 3.0, 4.0]

    def test_has_no_name_for_a_missing_weight(self):
        layer = built(Gate(use_bias=False, use_norm=False), 4)
        assert shapes(to_torch(layer)) == {
            "fc.0.weight": (2, 4),
            "norm.count": (),
        }

    def test_may_depend_on_the_layer(self):
        class Named(Gate):
            @property
            def torch_names(self):
                return {f"{self.name}.kernel": ("kernel", "linear")}

        layer = Named(use_bias=False, use_norm=False, name="mine")
        assert list(to_torch(built(layer, 4))) == ["mine.kernel"]

    def test_come_before_those_of_the_layer_of_keras(self):
        class Shift(keras.layers.Dense):
            torch_names = {
                "w": ("kernel", Layout("mine", lambda x, _: x, lambda x: x)),
                "b": ("bias", "same"),
            }

        assert shapes(to_torch(built(Shift(2), 3))) == {"w": (3, 2), "b": (2,)}

    def test_must_name_every_weight(self):
        class Forgetful(Gate):
            torch_names = {"weight": ("kernel", "linear")}

        layer = built(Forgetful(use_norm=False, name="gate"), 4)
        with pytest.raises(ValueError, match=r"no name for \['gate/bias'\]"):
            to_torch(layer)
        with pytest.raises(ValueError, match=r"no name for \['gate/bias'\]"):
            load_torch(layer, {"weight": np.ones((2, 4))}, strict=False)

    def test_must_use_a_layout_that_exists(self):
        class Odd(Gate):
            torch_names = {"weight": ("kernel", "liner")}

        with pytest.raises(ValueError, match="Received: layout='liner'"):
            to_torch(built(Odd(use_bias=False, use_norm=False), 4))
