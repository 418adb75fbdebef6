"""DIA in residual blocks that share one cell and its state."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.layers.blocks.dia import DIA
from tests.blocks.dia import dia_step, image, make
from tests.contracts import MODEL_CHECKS, ModelCase, contract
from tests.contracts.devices import to_numpy


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
    """Computes the same network in NumPy, step by step."""
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

    def test_starts_from_zeros_in_every_forward_pass(self):
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


def last_gates(layer, pass_state, first):
    """Returns the sum of the gates for the third of three maps."""
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

    def test_the_initial_state_is_zeros(self):
        layer = make()
        zeros = np.zeros((2, 8), "float32")
        first = to_numpy(layer(image()))
        given = to_numpy(layer(image(), initial_state=[zeros, zeros]))
        for a, b in zip(first, given, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_the_biases_of_the_state_matter_at_first(self):
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
        # The given state is not rounded.
        exact = 1.0 + 2.0**-12
        state = [np.full((2, 8), exact, "float32")] * 2
        full = make()
        full.set_weights(layer.get_weights())
        # Exact in every policy, so that only the state could differ.
        x = np.round(4.0 * image()) / 4.0
        found, expected = (
            to_numpy(d(x, initial_state=state)[2])[0] for d in (layer, full)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_is_stable_over_many_blocks(self):
        """The state stays bounded over a hundred blocks."""
        layer = make()
        state = None
        for _ in range(100):
            _, *state = layer(1e4 * image(), initial_state=state)
        h, c = to_numpy(state)
        assert np.isfinite(c).all()
        assert (0.0 <= h).all() and (h <= 1.0).all()
