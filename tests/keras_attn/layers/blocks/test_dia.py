import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.layers.blocks.dia import DIA
from keras_attn.weights import load_torch, to_torch
from tests.cases.encoding import ENCODINGS, dia_step
from tests.contracts import LAYER_CHECKS, MODEL_CHECKS, ModelCase, contract
from tests.contracts.calls import gradients
from tests.contracts.devices import FORMATS, to_format, to_numpy
from tests.contracts.extremes import check_extremes
from tests.contracts.numerics import check_gradients
from tests.goldens import load_golden

CASES = [case for case in ENCODINGS if case.cls is DIA]
# By itself, from a state of zeros, it has a kernel without a gradient: that of
# the state. `SHARED` has three blocks, and there is none.
CHECKS = [check for check in LAYER_CHECKS if check is not check_gradients]


@contract(CASES, CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def test_is_finite_at_the_edges(tmp_path):
    """Not with gates of up to 4, which take 3e4 out of float16."""
    check_extremes(CASES[0], tmp_path)


def shared_dia(input_shape, identity_start=False):
    """Returns three residual blocks that share one cell, as in a stage."""
    dia = DIA(2, True, identity_start, name="dia")
    inputs = x = keras.Input(input_shape)
    state = None
    for block in range(3):
        branch = keras.layers.Conv2D(
            input_shape[dia.channel_axis - 1],
            3,
            padding="same",
            name=f"block{block + 1}_conv",
        )(x)
        branch, *state = dia(branch, initial_state=state)
        x = keras.layers.Add(name=f"block{block + 1}_add")([x, branch])
        x = keras.layers.ReLU(name=f"block{block + 1}_out")(x)
    return keras.Model(inputs, x)


def shared_steps(weights, x):
    """Returns the same: each convolution, each step, written out."""
    cell = {
        name.removeprefix("dia/"): array
        for name, array in weights.items()
        if name.startswith("dia/")
    }
    h = c = np.zeros((len(x), x.shape[-1]))
    for block in range(3):
        kernel, bias = (
            weights[f"block{block + 1}_conv/{name}"]
            for name in ("kernel", "bias")
        )
        padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, (3, 3), axis=(1, 2)
        )
        branch = np.einsum("bhwcij,ijcd->bhwd", windows, kernel) + bias
        h, c = dia_step(cell, branch, h, c)
        x = np.maximum(x + branch * h[:, None, None], 0.0)
    return x


SHARED = ModelCase(
    function=shared_dia,
    shape=(6, 5, 8),
    num_weights=3 * 2 + 8,
    reference=shared_steps,
)


@contract([SHARED], MODEL_CHECKS)
def test_blocks_that_share_it_keep_the_contract(case, check, tmp_path):
    check(case, tmp_path)


class TestSharedByBlocks:
    def test_is_trained_by_xla(self):
        model = SHARED.subject()
        cell = model.get_layer("dia")
        before = {w.path: to_numpy(w)[0] for w in model.weights}
        model.compile(
            keras.optimizers.SGD(0.1),
            "mse",
            jit_compile=keras.backend.backend() != "torch",
        )
        x = SHARED.inputs()
        history = model.fit(x, x + 1.0, epochs=2, verbose=0).history
        assert history["loss"][1] < history["loss"][0]
        assert len(cell.trainable_weights) == 8
        for weight in model.weights:
            assert np.any(to_numpy(weight)[0] != before[weight.path])

    def test_starts_anew_at_every_forward_pass(self):
        model = SHARED.subject()
        inputs = SHARED.inputs()
        first, other, second = (
            model.predict(x, verbose=0) for x in (inputs, inputs + 1.0, inputs)
        )
        np.testing.assert_array_equal(first, second)
        assert np.any(first != other)
        assert not model.non_trainable_weights

    def test_is_the_identity_at_first_if_asked(self):
        model = shared_dia((6, 5, 8), identity_start=True)
        plain = x = model.input
        for block in range(3):
            branch = model.get_layer(f"block{block + 1}_conv")(x)
            x = ops.relu(x + branch)
        plain = keras.Model(plain, x)
        inputs = SHARED.inputs()
        np.testing.assert_array_equal(
            to_numpy(model(inputs))[0], to_numpy(plain(inputs))[0]
        )


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

    def test_weights_go_back_as_they_came(self, data_format):
        golden = load_golden("dia")
        back = to_torch(self.layer(golden, data_format))
        assert set(back) == set(golden["weights"])
        for key, array in golden["weights"].items():
            np.testing.assert_array_equal(back[key], array)

    def test_takes_the_names_of_the_published_code(self, data_format):
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


def last_gates(layer, pass_state, first):
    """Returns the sum of the gates of the third of three maps."""
    state = None
    for x in (first, image(1), image(2)):
        x = ops.convert_to_tensor(x)
        _, *after = layer(x, initial_state=state)
        state = after if pass_state else None
    return ops.sum(after[0])


class TestState:
    @pytest.mark.parametrize("pass_state", [True, False])
    def test_carries_gradients_back_to_the_first_map(self, pass_state):
        layer = make()
        _, gradient = backend.value_and_gradient(
            lambda x: last_gates(layer, pass_state, x), image()
        )
        gradient = ops.convert_to_numpy(gradient)
        assert np.isfinite(gradient).all()
        assert np.any(gradient) == pass_state

    def test_zeros_are_the_state_at_first(self):
        layer = make()
        zeros = np.zeros((2, 8), "float32")
        first = to_numpy(layer(image()))
        given = to_numpy(layer(image(), initial_state=[zeros, zeros]))
        for a, b in zip(first, given, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_the_biases_of_the_state_count_at_first(self):
        layer = make()
        before = to_numpy(layer(image()))
        layer.hidden_reduce_bias.assign(np.full(4, 2.0))
        after = to_numpy(layer(image()))
        assert np.abs(after[1] - before[1]).max() > 1e-3

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_is_float32(self, policy):
        layer = make(dtype=policy)
        y, h, c = layer(image())
        y, h, c = layer(image(), initial_state=[h, c])
        symbolic = layer(
            keras.Input((5, 4, 8)),
            initial_state=[keras.Input((8,)), keras.Input((8,))],
        )
        for found in ((y, h, c), symbolic):
            dtypes = [keras.backend.standardize_dtype(t.dtype) for t in found]
            assert dtypes == [policy[6:], "float32", "float32"]
            shapes = [tuple(t.shape)[1:] for t in found]
            assert shapes == [(5, 4, 8), (8,), (8,)]
        # As given: not rounded on the way in.
        exact = 1.0 + 2.0**-12
        state = [np.full((2, 8), exact, "float32")] * 2
        full = make()
        full.set_weights(layer.get_weights())
        # Exact in each policy, so that only the state could differ.
        x = np.round(4.0 * image()) / 4.0
        found, expected = (
            to_numpy(d(x, initial_state=state)[2])[0] for d in (layer, full)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_runs_over_as_many_blocks_as_there_are(self):
        """A hundred blocks: the cell forgets, and nothing grows."""
        layer = make()
        state = None
        for _ in range(100):
            _, *state = layer(1e4 * image(), initial_state=state)
        h, c = to_numpy(state)
        assert np.isfinite(c).all()
        assert (0.0 <= h).all() and (h <= 1.0).all()


class TestIdentityStart:
    def test_is_the_identity_at_each_block(self):
        layer = make(identity_start=True)
        state = None
        for seed in range(3):
            y, *state = layer(image(seed), initial_state=state)
            np.testing.assert_array_equal(ops.convert_to_numpy(y), image(seed))

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

    def test_learns_from_the_identity(self):
        layer = DIA(2, identity_start=True, data_format="channels_last")
        layer.build((None, 5, 4, 8))
        found = gradients(layer, image(), training=True)
        assert any(np.any(g) for name, g in found.items() if "weight" in name)


class TestErrors:
    @pytest.mark.parametrize("ratio", [0, -1, 2.5, None, True])
    def test_ratio_is_a_positive_integer(self, ratio):
        with pytest.raises(ValueError, match="`ratio` must be a positive"):
            DIA(ratio=ratio)

    def test_channels_are_static(self):
        with pytest.raises(ValueError, match="static number of channels"):
            DIA(data_format="channels_last")(keras.Input((6, 6, None)))

    def test_another_number_of_channels_than_the_built_one(self):
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
    def test_a_state_is_a_pair_of_vectors(self, shapes, received):
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

    def test_a_state_is_no_single_tensor(self):
        with pytest.raises(ValueError, match="list of `h` and `c`"):
            make()(image(), initial_state=np.zeros((2, 8), "float32"))
