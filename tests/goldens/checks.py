"""Checks that a layer reproduces its golden."""

import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.weights import load_torch, to_torch
from tests.contracts.devices import to_format
from tests.goldens import cotangent, load_golden


def check_golden(name, make, data_format, dtype="float32"):
    """Checks outputs, input gradients and the export of the weights.

    `make` takes the golden and returns an unbuilt layer of the data format.
    `dtype` is that of the cotangent.
    """
    golden = load_golden(name)
    layer = make(golden, data_format=data_format)
    x = to_format(golden["x"], data_format)
    layer.build(x.shape)
    load_torch(layer, golden["weights"])

    expected = to_format(golden["y"], data_format)
    size = np.abs(expected).max()
    y = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6 * size)

    pull = to_format(cotangent(golden["y"].shape, dtype), data_format)
    pull = ops.convert_to_tensor(pull)
    _, gradient = backend.value_and_gradient(
        lambda x: ops.sum(layer(x) * pull), x
    )
    expected = to_format(golden["y_grad"], data_format)
    size = np.abs(expected).max()
    gradient = ops.convert_to_numpy(gradient)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5 * size)

    # `to_torch` chooses the names if there are several.
    again = make(golden, data_format=data_format)
    again.build(x.shape)
    load_torch(again, to_torch(layer))
    for ours, theirs in zip(
        again.get_weights(), layer.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
