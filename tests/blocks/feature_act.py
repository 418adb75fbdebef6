import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from keras_attn import backend
from keras_attn.layers import FeatureAct
from keras_attn.weights import load_torch, to_torch
from tests.cases.drawn import Example
from tests.cases.equations import sigmoid
from tests.cases.strategies import COUNTS, RATIO, arguments, images, same
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS, to_format
from tests.goldens import cotangent, load_golden


def feature_act(activation=None):
    """Computes FeatureAct position by position."""

    def reference(weights, x):
        batch, height, width, channels = x.shape
        n = height * width
        x = x.reshape(batch, n, channels)
        s, t, m = (
            np.einsum("bpc,cd->bpd", x, weights[f"{name}_kernel"])
            + weights[f"{name}_bias"]
            for name in ("source", "target", "main")
        )
        m = np.maximum(m, 0.0)
        a = np.einsum("qp,bpi,bpk->bqik", weights["mixing"], s, t) / np.sqrt(n)
        a = a + weights["mixing_bias"][:, None, None]
        if activation is not None:
            a = activation(a)
        f = np.einsum("bqi,bqik->bqk", m, a)
        u = np.einsum("bqd,dc->bqc", f, weights["up_kernel"])
        y = x + np.maximum(u + weights["up_bias"], 0.0)
        return y.reshape(batch, height, width, channels)

    return reference


CASES = (
    LayerCase(
        name="feature_act_explicit",
        cls=FeatureAct,
        kwargs={"ratio": 4},
        shape=(4, 3, 12),
        num_weights=10,
        reference=feature_act(),
        fixed_size=True,
    ),
    LayerCase(
        name="feature_act_factored",
        cls=FeatureAct,
        kwargs={"ratio": 2},
        shape=(3, 4, 10),
        num_weights=10,
        reference=feature_act(),
        fixed_size=True,
    ),
    LayerCase(
        name="feature_act_sigmoid",
        cls=FeatureAct,
        kwargs={"ratio": 3, "activation": "sigmoid"},
        shape=(3, 4, 12),
        num_weights=10,
        reference=feature_act(sigmoid),
        fixed_size=True,
    ),
)
REFUSED = {
    "ratio": [*COUNTS, None],
    "activation": ["no such", 3],
}


@st.composite
def examples(draw):
    layout, x = draw(images())
    activation = st.sampled_from([None, "sigmoid", "tanh", "relu"])
    optional = {"ratio": RATIO, "activation": activation}
    kwargs = arguments(draw, layout, optional=optional)

    def attention(shape, **call):
        *others, channels = layout.sides(shape)
        dim = max(1, channels // kwargs.get("ratio", 4))
        return [(*others, dim, dim), shape]

    return Example(
        FeatureAct, kwargs, x, same(layout), attention, fixed_size=True
    )


EXAMPLES = examples()

# The form is part of the case: both forms must agree with both goldens.
GOLDENS = [
    ("feature_act_16_12", None, True),
    ("feature_act_16_12", None, False),
    ("feature_act_32_4", None, True),
    ("feature_act_32_4", None, False),
    ("feature_act_sigmoid", "sigmoid", False),
]


@contract(CASES, LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def from_golden(golden, activation, factors, data_format):
    layer = FeatureAct(
        ratio=golden["meta"]["ratio"],
        activation=activation,
        data_format=data_format,
    )
    layer.build(to_format(golden["x"], data_format).shape)
    load_torch(layer, golden["weights"])
    layer.factors = factors
    return layer


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("name", "activation", "factors"), GOLDENS)
class TestGoldens:
    def test_outputs(self, name, activation, factors, data_format):
        golden = load_golden(name)
        layer = from_golden(golden, activation, factors, data_format)
        y = layer(to_format(golden["x"], data_format))
        expected = to_format(golden["y"], data_format)
        size = np.abs(expected).max()
        np.testing.assert_allclose(
            ops.convert_to_numpy(y), expected, rtol=1e-5, atol=1e-6 * size
        )

    def test_input_gradients(self, name, activation, factors, data_format):
        golden = load_golden(name)
        layer = from_golden(golden, activation, factors, data_format)
        pull = to_format(cotangent(golden["y"].shape), data_format)
        pull = ops.convert_to_tensor(pull)
        _, gradient = backend.value_and_gradient(
            lambda x: ops.sum(layer(x) * pull),
            to_format(golden["x"], data_format),
        )
        expected = to_format(golden["y_grad"], data_format)
        size = np.abs(expected).max()
        np.testing.assert_allclose(
            ops.convert_to_numpy(gradient),
            expected,
            rtol=1e-4,
            atol=1e-5 * size,
        )

    def test_weights_survive_a_round_trip(
        self, name, activation, factors, data_format
    ):
        golden = load_golden(name)
        layer = from_golden(golden, activation, factors, data_format)
        back = to_torch(layer)
        assert set(back) == set(golden["weights"])
        for key, array in golden["weights"].items():
            np.testing.assert_array_equal(back[key], array)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("activation", [None, "sigmoid"])
class TestAttention:
    def test_returns_the_feature_that_call_adds(self, activation, data_format):
        x = to_format(np.random.normal(size=(2, 5, 4, 8)), data_format)
        x = x.astype("float32")
        layer = FeatureAct(2, activation, data_format=data_format)
        y = ops.convert_to_numpy(layer(x))
        feature = ops.convert_to_numpy(layer.attention(x)["feature"])
        np.testing.assert_allclose(y - x, feature, rtol=1e-4, atol=1e-6)

    def test_the_correlation_yields_the_feature(self, activation, data_format):
        """Follows the last two equations of the docstring."""
        image = np.random.normal(size=(2, 5, 4, 8)).astype("float32")
        x = to_format(image, data_format)
        layer = FeatureAct(2, activation, data_format=data_format)
        maps = layer.attention(x)
        a = ops.convert_to_numpy(maps["correlation"])
        assert a.shape == (2, 5, 4, 4, 4)
        weights = {w.name: ops.convert_to_numpy(w) for w in layer.weights}
        m = image @ weights["main_kernel"] + weights["main_bias"]
        f = np.einsum("bhwi,bhwik->bhwk", np.maximum(m, 0), a)
        f = f @ weights["up_kernel"] + weights["up_bias"]
        np.testing.assert_allclose(
            ops.convert_to_numpy(maps["feature"]),
            to_format(np.maximum(f, 0), data_format),
            rtol=1e-4,
            atol=1e-5,
        )


class TestChoosesTheForm:
    """The exact form that needs the least memory is chosen."""

    @pytest.mark.parametrize(
        ("channels", "size", "factors"),
        [(32, 24, False), (64, 12, True), (128, 6, True), (256, 3, True)],
    )
    def test_by_the_static_shape(self, channels, size, factors):
        layer = FeatureAct(4, data_format="channels_last")
        layer.build((None, size, size, channels))
        assert layer.factors is factors

    def test_never_factors_an_activation(self):
        layer = FeatureAct(4, "sigmoid", data_format="channels_last")
        layer.build((None, 3, 3, 256))
        assert layer.factors is False


@pytest.mark.each_backend
class TestPrecision:
    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_is_float32_inside(self, policy):
        """The products of three maps are large enough to overflow float16."""
        x = np.full((1, 4, 4, 8), 200.0)
        layer = FeatureAct(2, dtype=policy, data_format="channels_last")
        y = layer(x)
        assert keras.backend.standardize_dtype(y.dtype) == policy[6:]
        y = ops.convert_to_numpy(ops.cast(y, "float32"))
        exact = FeatureAct(2, data_format="channels_last")
        exact.build(x.shape)
        exact.set_weights(layer.get_weights())
        expected = ops.convert_to_numpy(exact(x))
        # The result is finite only if no intermediate value overflowed. The
        # pairs of channels reach 200 * 200, and their sums far more.
        holds = np.abs(expected) < 6e4
        assert holds.mean() > 0.2
        np.testing.assert_allclose(y[holds], expected[holds], rtol=1e-2)


def test_initial_weights_are_within_the_fan_in():
    keras.utils.set_random_seed(0)
    layer = FeatureAct(4, data_format="channels_last")
    layer.build((None, 6, 5, 64))
    fan_in = {"source": 64, "target": 64, "main": 64, "mixing": 30, "up": 16}
    for weight in layer.weights:
        limit = fan_in[weight.name.split("_")[0]] ** -0.5
        array = np.abs(ops.convert_to_numpy(weight))
        # The largest of 16 uniform draws is almost surely above 0.7 of the
        # limit, and the largest of thousands above 0.99.
        assert array.max() <= limit
        assert array.max() > (0.99 if array.size > 1000 else 0.7) * limit
    source, target = (ops.convert_to_numpy(w) for w in layer.weights[0:3:2])
    assert not np.array_equal(source, target)


class TestErrors:
    @pytest.mark.parametrize("shape", [(None, 6, 8), (6, None, 8)])
    def test_height_and_width_must_be_static(self, shape):
        with pytest.raises(ValueError, match="static height and width"):
            FeatureAct(data_format="channels_last")(keras.Input(shape))

    def test_rejects_another_size(self):
        layer = FeatureAct(data_format="channels_last")
        layer(np.zeros((1, 6, 6, 8)))
        message = r"built for, 6 x 6 .*Received: input_shape=\(1, 6, 7, 8"
        with pytest.raises(ValueError, match=message):
            layer(np.zeros((1, 6, 7, 8)))
        with pytest.raises(ValueError, match="built for, 6 x 6 positions"):
            layer(keras.Input((7, 6, 8)))
        with pytest.raises(ValueError, match="built for, 6 x 6 positions"):
            layer.attention(np.zeros((1, 3, 12, 8)))

    def test_rejects_another_number_of_channels(self):
        layer = FeatureAct(data_format="channels_last")
        layer(np.zeros((1, 6, 6, 8)))
        with pytest.raises(ValueError, match="expected axis 3"):
            layer(np.zeros((1, 6, 6, 4)))
