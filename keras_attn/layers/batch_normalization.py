import keras
from keras import ops

from keras_attn import backend


@keras.saving.register_keras_serializable(package="keras_attn")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation: `keras.layers.BatchNormalization` in one pass.

    As in Keras, the moving variance is of the biased batch variance, where
    PyTorch's is of the unbiased one: `n / (n - 1)` times as large.
    """

    def call(self, inputs, training=None, mask=None):
        if mask is not None or self.renorm or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        # The statistics overflow float16.
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        gamma, beta, mean, variance = (
            None if weight is None else ops.cast(weight, x.dtype)
            for weight in (
                self.gamma,
                self.beta,
                self.moving_mean,
                self.moving_variance,
            )
        )
        scale = (gamma, beta, self.axis, self.epsilon)
        if training and self.trainable:
            x, mean, variance = backend.normalize_batch(x, *scale)
            for moving, new in (
                (self.moving_mean, mean),
                (self.moving_variance, variance),
            ):
                new = ops.cast(new, moving.dtype)
                moving.assign(moving + (new - moving) * (1.0 - self.momentum))
        else:
            x = backend.normalize(x, mean, variance, *scale)
        # Not to the compute dtype: with `autocast=False`, float32 stays.
        return ops.cast(x, inputs.dtype)


def normalization_names(prefix, path="normalization"):
    """Returns the names in PyTorch, for the layer that holds one at `path`."""
    return {
        f"{prefix}.weight": (f"{path}.gamma", "same"),
        f"{prefix}.bias": (f"{path}.beta", "same"),
        f"{prefix}.running_mean": (f"{path}.moving_mean", "same"),
        f"{prefix}.running_var": (f"{path}.moving_variance", "same"),
        f"{prefix}.num_batches_tracked": None,
    }
