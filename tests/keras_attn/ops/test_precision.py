import numpy as np
import pytest
from keras import ops

from keras_attn.backend import value_and_gradient
from keras_attn.ops.precision import narrow


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float16", [65504.0, -65504.0, 65504.0, 1.0, np.nan]),
        ("bfloat16", [100139008.0, -np.inf, 65536.0, 1.0, np.nan]),
        ("float32", [1e8, -np.inf, 65519.0, 1.0, np.nan]),
    ],
)
def test_clips_only_in_float16(dtype, expected):
    x = np.array([1e8, -np.inf, 65519.0, 1.0, np.nan], "float32")
    y = ops.cast(narrow(ops.convert_to_tensor(x), dtype), "float32")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(y), np.array(expected, "float32")
    )


def test_the_gradient_of_clipped_values_is_0():
    x = np.array([7e4, 6e4, -7e4], "float32")
    _, gradient = value_and_gradient(
        lambda x: ops.sum(ops.cast(narrow(x, "float16"), "float32")), x
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), [0, 1, 0])
