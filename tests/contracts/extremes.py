"""Inputs at the edge of what numbers can hold."""

import inspect

import keras
import numpy as np

from keras_attn import backend
from tests.contracts.devices import assert_close, to_numpy
from tests.contracts.numerics import gradients

LARGEST_FLOAT16 = 65504.0
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")


def check_extremes(case, tmp_path):
    """Outputs and gradients are finite, however large or flat the input.

    Not in `LAYER_CHECKS`: a layer that multiplies its inputs by each other
    leaves the range of float16 by its mathematics.
    """
    inputs = {
        # A gate may be 2, and float16 ends at 65504.
        "1e4 times normal": 1e4 * np.clip(case.inputs(), -3.0, 3.0),
        "constant": case.inputs(fill=3.0),
        "zero": case.inputs(fill=0.0),
        "one pixel": case.inputs(size=(1, 1)),
        "a batch of one": case.inputs(batch=1),
    }
    for dtype in POLICIES:
        layer = case.subject(dtype=dtype)
        for what, x in inputs.items():
            what = f"{dtype}, {what}"
            for training in (False, True):
                y = to_numpy(layer(x, training=training))
                found = gradients(layer, x, training)
                for array in (*y, *found.values()):
                    finite = np.isfinite(array.astype("float32"))
                    assert finite.all(), f"{what}, training={training}"


def check_saturation(case, tmp_path):
    """In float16, what does not fit is the largest number that does.

    The reference is float32, cut off at that. Products that a layer itself
    makes in float16 may leave the range: such a case has small weights here.
    """
    exact, half = case.subject(), case.make(dtype="mixed_float16")
    case.build(half)
    if case.products_in_half:
        exact.set_weights([w / 16 for w in exact.get_weights()])
    half.set_weights(exact.get_weights())
    run, expected = (_compiled(each, training=False) for each in (half, exact))
    for largest in (1e3, 3e4):
        inputs = _scaled(case.inputs(), largest, "float16")
        (outputs, _), (fitting, _) = run(inputs), expected(inputs)
        for y in outputs:
            assert np.isfinite(y.astype("float32")).all(), f"of {largest:.0e}"
        fitting = [
            np.clip(e, -LARGEST_FLOAT16, LARGEST_FLOAT16) for e in fitting
        ]
        assert_close(outputs, fitting, 0.05, f"outputs of {largest:.0e}")


def check_large_gradients(case, tmp_path):
    """In float32, at inputs of 1e8, all gradients are finite."""
    for name, array in gradients(
        case.subject(), _scaled(case.inputs(), 1e8)
    ).items():
        assert np.isfinite(array).all(), f"{name} is not finite"


def check_empty_batch(case, tmp_path):
    """No image gives no output, and changes no statistics."""
    layer = case.subject()
    shapes = [tuple(y.shape) for y in _flat(layer(case.symbolic_inputs()))]
    before = to_numpy(layer.non_trainable_variables)
    for training in (False, True):
        outputs, after = _compiled(layer, training)(case.inputs(batch=0))
        found = [y.shape for y in outputs]
        assert found == [(0, *shape[1:]) for shape in shapes], (
            f"shapes {found}, training={training}"
        )
        for old, new in zip(before, after, strict=True):
            # What is no float is the state of a generator.
            if np.issubdtype(old.dtype, np.floating):
                assert_close(new, old, 0.0, "what is not trained")


def check_integers(case, tmp_path):
    """Integers give what equal floats give, in the dtype of the policy."""
    inputs = keras.tree.map_structure(
        lambda x: np.round(3 * x).astype("int32"), case.inputs()
    )
    floats = keras.tree.map_structure(lambda x: x.astype("float32"), inputs)
    run = _compiled(case.subject(), training=False)
    (outputs, _), (expected, _) = run(inputs), run(floats)
    for y, e in zip(outputs, expected, strict=True):
        dtype = "int32" if case.keeps_integers else e.dtype
        assert y.dtype == dtype, f"the output is {y.dtype}"
    assert_close(outputs, expected, what="outputs of integers")


def _compiled(layer, training):
    """Returns a function of inputs, compiled where the backend compiles.

    It returns flat lists of arrays: outputs, and what is not trained then.
    """
    state = (layer.trainable_variables, layer.non_trainable_variables)
    state = [backend.state(variables) for variables in state]
    takes = "training" in inspect.signature(layer.call).parameters
    options = {"training": training} if takes else {}

    def call(inputs):
        return layer.stateless_call(*state, inputs, **options)

    call = backend.inference(call)

    def run(inputs):
        inputs = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
        outputs, others = call(inputs)
        return to_numpy(outputs), to_numpy(others)

    return run


def _flat(outputs):
    return keras.tree.flatten(outputs)


def _scaled(inputs, factor, dtype="float32"):
    """Returns float32 inputs, some of twice the factor, rounded to a dtype."""
    return keras.tree.map_structure(
        lambda x: (
            (factor * np.clip(x, -2.0, 2.0)).astype(dtype).astype("float32")
        ),
        inputs,
    )
