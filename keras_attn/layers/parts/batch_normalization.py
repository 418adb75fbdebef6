import keras
from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Tensor, Variable
from keras_attn.layers.base import Names
from keras_attn.ops import precision


@keras.saving.register_keras_serializable(package="keras_attn")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation: `keras.layers.BatchNormalization` in one pass.

    As in Keras, the moving variance averages the biased batch variance.
    PyTorch averages the unbiased variance, which is `n / (n - 1)` times as
    large. An empty batch leaves the moving statistics unchanged, while in
    Keras they become NaN.
    """

    def call(
        self,
        inputs: Tensor,
        training: bool | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        if mask is not None or self.renorm or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        # The statistics overflow float16.
        x = precision.widen(inputs)
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
                new = moving + (new - moving) * (1.0 - self.momentum)
                moving.assign(_unless_empty(inputs, new, moving))
        else:
            x = backend.normalize(x, mean, variance, *scale)
        # With `autocast=False`, float32 inputs return float32 in any policy.
        floats = precision.is_float(inputs)
        dtype = inputs.dtype if floats else self.compute_dtype
        return precision.narrow(x, dtype)


def _unless_empty(inputs: Tensor, new: Tensor, old: Variable) -> Tensor:
    """Returns the new statistics, or the old ones if the batch is empty."""
    batch = ops.shape(inputs)[0]
    if isinstance(batch, int):
        return new if batch else old
    return ops.where(batch > 0, new, old)


def normalization_names(prefix: str, path: str = "normalization") -> Names:
    """Returns the PyTorch names of the normalisation at the path of a layer."""
    return {
        f"{prefix}.weight": (f"{path}.gamma", "same"),
        f"{prefix}.bias": (f"{path}.beta", "same"),
        f"{prefix}.running_mean": (f"{path}.moving_mean", "same"),
        f"{prefix}.running_var": (f"{path}.moving_variance", "same"),
        f"{prefix}.num_batches_tracked": None,
    }
