import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.applications.zfnet.constraint import (
    FilterRMSConstraint,
)


def rms_of(kernel):
    axes = tuple(range(kernel.ndim - 1))
    return np.sqrt(np.mean(kernel.astype("float64") ** 2, axis=axes))


def constrained(kernel, limit=0.1):
    return ops.convert_to_numpy(FilterRMSConstraint(limit)(kernel))


class TestFilterRMSConstraint:
    """The effect of the constraint on a kernel."""

    def test_numbers_by_hand(self):
        # Filters with a root mean square of 5, 0.5 and 1.
        kernel = np.array([[7.0, 0.5, -1.0], [1.0, -0.5, 1.0]], "float32")
        expected = [[1.4, 0.5, -1.0], [0.2, -0.5, 1.0]]
        np.testing.assert_allclose(
            constrained(kernel, 1), expected, rtol=1e-6, atol=0
        )

    def test_a_kernel_of_a_convolution(self):
        random = np.random.default_rng(0)
        kernel = random.normal(size=(3, 2, 4, 5)).astype("float32")
        kernel *= np.array([0.01, 0.09, 0.2, 1.0, 30.0], "float32")
        y = constrained(kernel)
        np.testing.assert_allclose(rms_of(y)[2:], 0.1, rtol=1e-6)
        np.testing.assert_array_equal(y[..., :2], kernel[..., :2])
        # Their direction does not change.
        np.testing.assert_allclose(
            y[..., 2:],
            kernel[..., 2:] * (0.1 / rms_of(kernel)[2:]),
            rtol=1e-5,
        )

    def test_zeros_stay_zeros(self):
        kernel = np.zeros((2, 2, 3, 2), "float32")
        kernel[..., 1] = 3.0
        y = constrained(kernel)
        np.testing.assert_array_equal(y[..., 0], 0.0)
        np.testing.assert_allclose(y[..., 1], 0.1, rtol=1e-6)

    def test_very_small_filters_stay(self):
        kernel = np.full((4, 1), 1e-18, "float32")
        np.testing.assert_array_equal(constrained(kernel), kernel)

    @pytest.mark.parametrize("value", [300.0, 6e4])
    def test_squares_beyond_float16(self, value):
        kernel = np.full((2, 2), value, "float16")
        kernel[:, 1] = 1e-3
        y = FilterRMSConstraint(0.1)(ops.convert_to_tensor(kernel))
        assert keras.backend.standardize_dtype(y.dtype) == "float16"
        y = ops.convert_to_numpy(y)
        np.testing.assert_allclose(y[:, 0], 0.1, rtol=1e-3)
        np.testing.assert_array_equal(y[:, 1], kernel[:, 1])

    @pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
    def test_holds_after_each_step(self, dtype):
        model = keras.Sequential(
            [
                keras.Input((6, 6, 3)),
                keras.layers.Conv2D(
                    4,
                    3,
                    data_format="channels_last",
                    dtype=dtype,
                    kernel_constraint=FilterRMSConstraint(0.1),
                ),
                keras.layers.GlobalAveragePooling2D("channels_last"),
                keras.layers.Dense(
                    2, kernel_constraint=FilterRMSConstraint(0.05)
                ),
            ]
        )
        model.compile(keras.optimizers.SGD(5.0), "mse", jit_compile="auto")
        random = np.random.default_rng(0)
        x = random.uniform(-1, 1, (8, 6, 6, 3)).astype("float32")
        y = random.normal(size=(8, 2)).astype("float32")
        conv, dense = model.layers[0], model.layers[-1]
        for _ in range(3):
            model.fit(x, y, batch_size=8, verbose=0)
            kernels = [ops.convert_to_numpy(w.kernel) for w in (conv, dense)]
            assert rms_of(kernels[0]).max() <= 0.1 * (1 + 1e-6)
            assert rms_of(kernels[1]).max() <= 0.05 * (1 + 1e-6)
        # The constraint was active.
        np.testing.assert_allclose(rms_of(kernels[1]).max(), 0.05, rtol=1e-5)

    def test_a_step_leaves_small_filters_bit_for_bit(self):
        kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
        kernel = kernel.astype("float32") * [0.05, 0.01, 2.0, 1.0]
        kernel = kernel.astype("float32")
        layer = keras.layers.Conv2D(
            4,
            3,
            data_format="channels_last",
            use_bias=False,
            kernel_constraint=FilterRMSConstraint(),
        )
        model = keras.Sequential([keras.Input((5, 5, 2)), layer])
        layer.kernel.assign(kernel)
        # Images of zeros have no gradient, so only the constraint acts.
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile="auto")
        model.fit(np.zeros((2, 5, 5, 2)), np.zeros((2, 3, 3, 4)), verbose=0)
        found = ops.convert_to_numpy(layer.kernel)
        np.testing.assert_array_equal(found[..., :2], kernel[..., :2])
        np.testing.assert_allclose(rms_of(found)[2:], 0.1, rtol=1e-6)

    def test_a_model_is_saved_with_it(self, tmp_path):
        layer = keras.layers.Dense(
            1, kernel_constraint=FilterRMSConstraint(0.25)
        )
        model = keras.Sequential([keras.Input((2,)), layer])
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        constraint = again.layers[0].kernel_constraint
        assert type(constraint) is FilterRMSConstraint
        assert constraint.limit == 0.25
        name = keras.saving.get_registered_name(FilterRMSConstraint)
        assert name == "keras_attn>FilterRMSConstraint"

    def test_the_limit_is_the_papers(self):
        assert FilterRMSConstraint().get_config() == {"limit": 0.1}

    @pytest.mark.parametrize(
        "limit", [0, -0.1, True, "0.1", None, float("nan"), float("inf")]
    )
    def test_refuses(self, limit):
        message = r"`limit` must be a number in \(0, inf\). Received: limit="
        with pytest.raises(ValueError, match=message):
            FilterRMSConstraint(limit)

    def test_refuses_a_bias(self):
        message = r"two axes, .*Received: shape \(3,\)"
        with pytest.raises(ValueError, match=message):
            FilterRMSConstraint()(np.ones(3, "float32"))

    def test_a_config_with_the_old_module_is_read(self):
        config = keras.saving.serialize_keras_object(FilterRMSConstraint(0.2))
        config["module"] = "keras_attn.applications._zfnet_recipe"
        again = keras.saving.deserialize_keras_object(config)
        assert type(again) is FilterRMSConstraint and again.limit == 0.2
