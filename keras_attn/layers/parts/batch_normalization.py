import keras
from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Tensor, Variable
from keras_attn.layers.base import Names
from keras_attn.ops import precision


@keras.saving.register_keras_serializable(package="keras_attn")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation: `keras.layers.BatchNormalization` in one pass.

    As in Keras, the moving variance is of the biased batch variance, where
    PyTorch's is of the unbiased one: `n / (n - 1)` times as large. An empty
    batch, of which Keras' moving statistics become NaN, changes nothing.
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
        # Floats not to the compute dtype: with `autocast=False`, float32 stays.
        floats = precision.is_float(inputs)
        dtype = inputs.dtype if floats else self.compute_dtype
        return precision.narrow(x, dtype)


def _unless_empty(inputs: Tensor, new: Tensor, old: Variable) -> Tensor:
    """Returns the old statistics if there is no image to have new ones of."""
    batch = ops.shape(inputs)[0]
    if isinstance(batch, int):
        return new if batch else old
    return ops.where(batch > 0, new, old)


def normalization_names(prefix: str, path: str = "normalization") -> Names:
    """Returns the names in PyTorch, for the layer that holds one at `path`."""
    return {
        f"{prefix}.weight": (f"{path}.gamma", "same"),
        f"{prefix}.bias": (f"{path}.beta", "same"),
        f"{prefix}.running_mean": (f"{path}.moving_mean", "same"),
        f"{prefix}.running_var": (f"{path}.moving_variance", "same"),
        f"{prefix}.num_batches_tracked": None,
    }
