"""Arrays and comparisons for the tests of the backends."""

import numpy as np
from keras import ops


def image(height, width, channels):
    random = np.random.default_rng(0)
    return random.normal(size=(2, height, width, channels)).astype("float32")


def tensor(values):
    return ops.convert_to_tensor(np.array(values, "float32"))


def equal(found, expected):
    np.testing.assert_array_equal(ops.convert_to_numpy(found), expected)


def close(found, expected, **tolerances):
    found = ops.convert_to_numpy(found)
    np.testing.assert_allclose(found, expected, **tolerances)
