"""Checks with inputs at the limits of the dtypes."""

import keras
import numpy as np

from tests.contracts.calls import gradients, stateless, sum_and_gradients
from tests.contracts.devices import assert_close, to_numpy
from tests.contracts.walk import trainings

LARGEST_FLOAT16 = 65504.0


def check_extremes(case, tmp_path):
    """Checks that outputs and gradients are finite in half precision.

    The inputs are large or constant. `check_gradients` and
    `check_large_gradients` cover float32. Not in `LAYER_CHECKS`, because
    products of inputs exceed the range of float16 by definition.
    """
    inputs = {
        # A gate may be 2, and the largest float16 is 65504.
        "1e4 times normal": 1e4 * np.clip(case.inputs(), -3.0, 3.0),
        "constant": case.inputs(fill=3.0),
        "zero": case.inputs(fill=0.0),
        "one pixel": case.inputs(batch=1, size=(1, 1)),
    }
    for dtype in ("mixed_float16", "mixed_bfloat16"):
        layer = case.shared(dtype=dtype)
        ways = trainings(layer)
        if dtype == "mixed_bfloat16":
            # It has the range of float32, and precision matters most with batch
            # statistics.
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
    """Checks that float16 outputs saturate at the largest finite number.

    The reference is the float32 output, clipped to that range. Layers that
    compute products in float16 may overflow, so they get small weights here.
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
            assert np.isfinite(y.astype("float32")).all(), (
                f"not finite at {largest:.0e}"
            )
        fitting = [
            np.clip(e, -LARGEST_FLOAT16, LARGEST_FLOAT16) for e in fitting
        ]
        assert_close(outputs, fitting, 0.05, f"outputs at {largest:.0e}")


def check_large_gradients(case, tmp_path):
    """Checks that all float32 gradients are finite for inputs of 1e8."""
    found = gradients(case.shared(), _scaled(case.inputs(), 1e8))
    for name, array in found.items():
        assert np.isfinite(array).all(), f"{name} is not finite"


def check_empty_batch(case, tmp_path):
    """Checks that an empty batch has an empty output and keeps statistics."""
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
            # Other dtypes are the states of generators.
            if np.issubdtype(old.dtype, np.floating):
                assert_close(new, old, 0.0, "variables")


def check_integers(case, tmp_path):
    """Checks that integers and equal floats have the same outputs and dtype."""
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
    assert_close(outputs, expected, what="outputs for integers")


def _flat(outputs):
    return keras.tree.flatten(outputs)


def _scaled(inputs, factor, dtype="float32"):
    """Returns float32 inputs up to twice the factor, rounded to a dtype."""
    return keras.tree.map_structure(
        lambda x: (
            (factor * np.clip(x, -2.0, 2.0)).astype(dtype).astype("float32")
        ),
        inputs,
    )
