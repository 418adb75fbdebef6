"""Inputs at the edge of what numbers can hold."""

import numpy as np

from tests.contracts.devices import to_numpy
from tests.contracts.numerics import gradients

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
