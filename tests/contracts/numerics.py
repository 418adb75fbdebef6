"""Checks of gradients, half precision and dtypes."""

import keras
import numpy as np

from tests.contracts.calls import gradients, outputs, tensors
from tests.contracts.cases import LayerCase
from tests.contracts.devices import assert_close
from tests.contracts.walk import layers_of, trainings

_LARGEST_FLOAT16 = 65504.0


def check_gradients(case, tmp_path):
    """Checks that gradients are finite, even for flat images, and not zero.

    `check_data_formats_agree` compares those of the other data format.
    """
    subject = case.shared()
    for training in trainings(subject):
        for fill in (None, 0.0, 1.0):
            found = gradients(subject, case.inputs(fill=fill), training)
            _assert_finite(found, f"images of {fill}, training={training}")
            if fill is None and not training:
                for name, array in found.items():
                    assert np.any(array != 0.0), f"{name} is zero"
    if case.smallest is not None:
        subject = case.shared(size=case.smallest)
        for fill in (None, 0.0):
            inputs = case.inputs(batch=1, size=case.smallest, fill=fill)
            _assert_finite(
                gradients(subject, inputs), f"batch 1 of size {case.smallest}"
            )


def _assert_finite(found, what):
    for name, array in found.items():
        assert np.isfinite(array).all(), f"{what}: {name} is not finite"


def check_float16(case, tmp_path):
    """Checks that float16 outputs match float32 for inputs around 100."""
    exact = case.shared()
    for fill in (None, 1.0):
        inputs = keras.tree.map_structure(
            lambda x: np.float32(100) * np.float32(x), case.inputs(fill=fill)
        )
        expected = outputs(exact, inputs)
        policies = ["mixed_float16"]
        if isinstance(case, LayerCase):
            # The layers of a model are tested in pure float16 on their own.
            policies.append("float16")
        for dtype in policies:
            half = case.make(dtype=dtype)
            case.build(half)
            half.set_weights(exact.get_weights())
            found = outputs(half, inputs)
            for y, e in zip(found, expected, strict=True):
                # Values outside the range are not the layer's fault. The margin
                # allows for rounded inputs.
                fits = np.abs(e) < 0.9 * _LARGEST_FLOAT16
                assert fits.mean() > 0.5, (
                    f"{dtype}: most outputs overflow, so the case needs other "
                    "inputs or arguments"
                )
                y = y.astype("float32")
                assert np.isfinite(y[fits]).all(), f"{dtype}: not finite"
                assert_close(y[fits], e[fits], 0.05, dtype)


def check_dtype_policy(case, tmp_path):
    """Checks that mixed precision reaches all children but not the weights."""
    subject = case.shared(dtype="mixed_bfloat16")
    inside = [
        layer
        for layer in layers_of(subject)
        if not isinstance(layer, (keras.Model, keras.layers.InputLayer))
    ]
    for layer in inside:
        dtype = "float32" if layer.name in case.in_float32 else "bfloat16"
        assert layer.compute_dtype == dtype, (
            f"`{layer.name}` computes in {layer.compute_dtype}"
        )
    for variable in subject.variables:
        dtype = keras.backend.standardize_dtype(variable.dtype)
        if keras.backend.is_float_dtype(dtype):
            assert dtype == "float32", f"`{variable.path}` is {dtype}"
    last = subject if isinstance(case, LayerCase) else subject.layers[-1]
    for y in tensors(subject, case.inputs()):
        dtype = keras.backend.standardize_dtype(y.dtype)
        assert dtype == last.compute_dtype, f"the output is {dtype}"
    for y in keras.tree.flatten(subject(case.symbolic_inputs())):
        assert y.dtype == last.compute_dtype, (
            f"the symbolic output is {y.dtype}"
        )
