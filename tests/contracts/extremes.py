"""Inputs at the edge of what numbers can hold."""

import keras
import numpy as np

from tests.contracts.calls import gradients, stateless, sum_and_gradients
from tests.contracts.devices import assert_close, to_numpy
from tests.contracts.walk import trainings

LARGEST_FLOAT16 = 65504.0


def check_extremes(case, tmp_path):
    """In half precision, outputs and gradients are finite.

    However large or flat the input; of float32 it is `check_gradients` and
    `check_large_gradients` that tell. Not in `LAYER_CHECKS`: a layer that
    multiplies its inputs by each other leaves the range of float16 by its
    mathematics.
    """
    inputs = {
        # A gate may be 2, and float16 ends at 65504.
        "1e4 times normal": 1e4 * np.clip(case.inputs(), -3.0, 3.0),
        "constant": case.inputs(fill=3.0),
        "zero": case.inputs(fill=0.0),
        "one pixel": case.inputs(batch=1, size=(1, 1)),
    }
    for dtype in ("mixed_float16", "mixed_bfloat16"):
        layer = case.shared(dtype=dtype)
        ways = trainings(layer)
        if dtype == "mixed_bfloat16":
            # Its range is that of float32, and precision matters most where
            # statistics are of the batch.
            del inputs["one pixel"]
            ways = ways[-1:]
        for what, x in inputs.items():
            what = f"{dtype}, {what}"
            for training in ways:
                total, found = sum_and_gradients(layer, x, training)
                assert np.isfinite(total), f"{what}, training={training}"
                for name, array in found.items():
                    finite = np.isfinite(array.astype("float32"))
                    assert finite.all(), f"{name}, {what}, training={training}"


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
    for largest in (1e3, 3e4):
        inputs = _scaled(case.inputs(), largest, "float16")
        outputs, fitting = (
            stateless(each, inputs, training=False)[0] for each in (half, exact)
        )
        for y in outputs:
            assert np.isfinite(y.astype("float32")).all(), f"of {largest:.0e}"
        fitting = [
            np.clip(e, -LARGEST_FLOAT16, LARGEST_FLOAT16) for e in fitting
        ]
        assert_close(outputs, fitting, 0.05, f"outputs of {largest:.0e}")


def check_large_gradients(case, tmp_path):
    """In float32, at inputs of 1e8, all gradients are finite."""
    found = gradients(case.shared(), _scaled(case.inputs(), 1e8))
    for name, array in found.items():
        assert np.isfinite(array).all(), f"{name} is not finite"


def check_empty_batch(case, tmp_path):
    """No image gives no output, and changes no statistics."""
    layer = case.shared()
    shapes = [tuple(y.shape) for y in _flat(layer(case.symbolic_inputs()))]
    before = to_numpy(layer.variables)
    for training in trainings(layer):
        outputs, after = stateless(layer, case.inputs(batch=0), training)
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
    layer = case.shared()
    outputs, expected = (
        stateless(layer, x, training=False)[0] for x in (inputs, floats)
    )
    for y, e in zip(outputs, expected, strict=True):
        dtype = "int32" if case.keeps_integers else e.dtype
        assert y.dtype == dtype, f"the output is {y.dtype}"
    assert_close(outputs, expected, what="outputs of integers")


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
