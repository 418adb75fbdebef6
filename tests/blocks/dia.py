import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.dia import DIA
from keras_attn.weights import load_torch, to_torch
from tests.cases.drawn import Example, Tensor
from tests.cases.equations import relu, sigmoid
from tests.cases.strategies import BOOL, COUNTS, RATIO, arguments, gates, images
from tests.contracts import (
    LAYER_CHECKS,
    LayerCase,
    contract,
)
from tests.contracts.devices import FORMATS, to_format, to_numpy
from tests.contracts.extremes import check_extremes
from tests.contracts.numerics import check_gradients
from tests.goldens import load_golden


def dia_step(weights, x, h, c):
    """Returns the next state, computed with separate branches of the cell."""

    def branch(name, vector):
        kernels = [weights[f"{name}_{k}_kernel"] for k in ("reduce", "expand")]
        biases = [weights[f"{name}_{k}_bias"] for k in ("reduce", "expand")]
        hidden = relu(vector @ kernels[0] + biases[0])
        return hidden @ kernels[1] + biases[1]

    logits = branch("input", x.mean((1, 2))) + branch("hidden", h)
    i, f, g, o = np.split(logits, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * sigmoid(c), c


def dia(factor=1.0):
    def reference(weights, x):
        zeros = np.zeros((len(x), x.shape[-1]))
        h, _ = dia_step(weights, x, zeros, zeros)
        return factor * x * h[:, None, None]

    return reference


CASES = (
    LayerCase(cls=DIA, num_weights=8, reference=dia()),
    LayerCase(
        cls=DIA,
        kwargs={"ratio": 2, "identity_start": True},
        num_weights=8,
        reference=dia(4.0),
    ),
)
REFUSED = {"ratio": [*COUNTS, None]}


@st.composite
def examples(draw):
    layout, x = draw(images())
    optional = {"ratio": RATIO, "return_state": BOOL, "identity_start": BOOL}
    kwargs = arguments(draw, layout, optional=optional)
    batch, _, _, channels = layout.sides(x.shape)
    state = [Tensor((batch, channels))] * 2

    def outputs(shape, **call):
        states = 2 * gates(layout)(shape)
        return [shape, *(states if kwargs.get("return_state") else [])]

    call = draw(st.sampled_from([{}, {"initial_state": state}]))
    return Example(DIA, kwargs, x, outputs, gates(layout), call)


EXAMPLES = examples()


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class DIA(nn.Module):
        """One step of the cell, starting from a state of zeros."""

        def __init__(self, channels, size, ratio=4):
            super().__init__()
            self.input, self.hidden = (
                nn.Sequential(
                    nn.Linear(channels, channels // ratio),
                    nn.ReLU(inplace=True),
                    nn.Linear(channels // ratio, 4 * channels),
                )
                for _ in range(2)
            )

        def forward(self, x):
            z = F.adaptive_avg_pool2d(x, 1).flatten(1)
            h, c = torch.zeros_like(z), torch.zeros_like(z)
            i, f, g, o = (self.input(z) + self.hidden(h)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.sigmoid(c)
            return x * h[:, :, None, None]

    return DIA


TWINS = (Twin(plain),)

# A single step from a state of zeros has no gradient for the kernel of the
# state. `test_dia.py` checks the gradients of blocks that share the layer.
CHECKS = [check for check in LAYER_CHECKS if check is not check_gradients]


@contract(CASES, CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.each_backend
def test_is_finite_for_extreme_inputs(tmp_path):
    """Without `identity_start`: gates of up to 4 would overflow float16."""
    check_extremes(CASES[0], tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
class TestGolden:
    def layer(self, golden, data_format):
        layer = DIA(return_state=True, data_format=data_format)
        layer.build(to_format(golden["x"][0], data_format).shape)
        load_torch(layer, golden["weights"])
        return layer

    def test_gates_of_successive_maps(self, data_format):
        golden = load_golden("dia")
        layer = self.layer(golden, data_format)
        state = None
        for x, expected in zip(golden["x"], golden["y"], strict=True):
            x = to_format(x, data_format)
            gates = layer.attention(x, initial_state=state)
            y, *state = layer(x, initial_state=state)
            size = np.abs(expected).max()
            for found in (gates, state[0]):
                np.testing.assert_allclose(
                    ops.convert_to_numpy(found),
                    expected,
                    rtol=1e-5,
                    atol=1e-6 * size,
                )
            gates = np.expand_dims(expected, layer.spatial_axes)
            np.testing.assert_allclose(
                ops.convert_to_numpy(y), x * gates, rtol=1e-4, atol=1e-6
            )

    def test_weights_survive_a_round_trip(self, data_format):
        golden = load_golden("dia")
        back = to_torch(self.layer(golden, data_format))
        assert set(back) == set(golden["weights"])
        for key, array in golden["weights"].items():
            np.testing.assert_array_equal(back[key], array)

    def test_loads_the_names_of_the_published_code(self, data_format):
        golden = load_golden("dia")
        x = to_format(golden["x"][0], data_format)
        expected = to_numpy(self.layer(golden, data_format)(x))
        branches = {"input": "w_ih.0.seq", "hidden": "w_hh.0.seq"}
        golden["weights"] = {
            branches[name.split(".")[0]] + name[name.index(".") :]: array
            for name, array in golden["weights"].items()
        }
        assert "w_hh.0.seq.2.bias" in golden["weights"]
        found = to_numpy(self.layer(golden, data_format)(x))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def image(seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(2, 5, 4, 8)).astype("float32")


def make(**kwargs):
    layer = DIA(2, return_state=True, data_format="channels_last", **kwargs)
    layer.build((None, 5, 4, 8))
    return layer


class TestIdentityStart:
    def test_is_the_identity_at_each_block(self):
        layer = make(identity_start=True)
        state = None
        for seed in range(3):
            y, *state = layer(image(seed), initial_state=state)
            np.testing.assert_array_equal(ops.convert_to_numpy(y), image(seed))

    @pytest.mark.each_backend
    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_is_the_identity_in_half_precision(self, policy):
        layer = make(identity_start=True, dtype=policy)
        x = ops.cast(1e4 * image(), policy[6:])
        state = None
        for _ in range(3):
            y, *state = layer(x, initial_state=state)
            np.testing.assert_array_equal(
                *(ops.convert_to_numpy(ops.cast(a, "float32")) for a in (y, x))
            )


class TestErrors:
    def test_rejects_another_number_of_channels(self):
        with pytest.raises(ValueError, match="expected axis 3"):
            make()(np.zeros((1, 5, 4, 16), "float32"))

    @pytest.mark.parametrize(
        ("shapes", "received"),
        [
            ([(2, 8)], r"initial_state=list"),
            ([(2, 8)] * 3, r"initial_state=list"),
            ([(2, 8), (2, 4)], r"initial_state=shapes \[\(2, 8\), \(2, 4\)\]"),
            (
                [(2, 8), (2, 1, 8)],
                r"initial_state=shapes \[\(2, 8\), \(2, 1, 8\)\]",
            ),
        ],
    )
    def test_the_state_must_be_a_pair_of_vectors(self, shapes, received):
        layer = make()
        state = [np.zeros(shape, "float32") for shape in shapes]
        message = "list of `h` and `c`.*Received: " + received
        with pytest.raises(ValueError, match=message):
            layer(image(), initial_state=state)
        with pytest.raises(ValueError, match=message):
            layer.attention(image(), initial_state=state)
        symbolic = [keras.Input(shape[1:], shape[0]) for shape in shapes]
        with pytest.raises(ValueError, match=message):
            layer(keras.Input((5, 4, 8), 2), initial_state=symbolic)

    def test_the_state_must_not_be_a_single_tensor(self):
        with pytest.raises(ValueError, match="list of `h` and `c`"):
            make()(image(), initial_state=np.zeros((2, 8), "float32"))
