"""Layers that keep the contract, and from which faulty layers derive."""

import keras
from keras import ops

from keras_attn.layers.base import FeatureMapLayer
from keras_attn.ops import precision

PACKAGE = "tests.contracts.examples"
register = keras.saving.register_keras_serializable(PACKAGE)


@register
class Gate(FeatureMapLayer):
    """Weights channels by a linear function of their means, with dropout."""

    def __init__(self, rate=0.25, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.dropout = keras.layers.Dropout(
            rate, seed=seed, dtype=self.dtype_policy
        )

    def build(self, input_shape):
        channels = self.static_channels(input_shape)
        self.dense = keras.layers.Dense(
            channels, dtype=self.dtype_policy, name="dense"
        )
        self.dense.build((None, channels))

    def call(self, inputs, training=None):
        gates = self.dense(self.pool(inputs))
        gates = self.dropout(gates, training=training)
        return self.scale(inputs, self.widen(gates))

    def pool(self, inputs):
        return ops.mean(inputs, self.spatial_axes)

    def get_config(self):
        config = {"rate": self.rate, "seed": self.seed}
        return {**super().get_config(), **config}


@register
class Tokens(keras.layers.Layer):
    """Adds the mean of the unmasked tokens to each token."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=input_shape[-1:])

    def call(self, inputs, mask=None):
        x = precision.widen(inputs)
        weights = ops.ones_like(x[..., :1])
        if mask is not None:
            weights = ops.cast(mask, x.dtype)[..., None]
        total = ops.sum(x * weights, 1, keepdims=True)
        mean = total / (ops.sum(weights, 1, keepdims=True) + 1e-3)
        y = x + ops.cast(self.scale, x.dtype) * mean
        return precision.narrow(y, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)
