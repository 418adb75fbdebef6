from typing import Any

import keras
from keras import ops

from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.parts.dense import Dense
from keras_attn.layers.parts.initializers import Normal


@keras.saving.register_keras_serializable(package="keras_attn")
class AttentionPooling(keras.layers.Layer):
    """Pools tokens to a vector by the attention of one trained query.

    Computes `y = concat_h(softmax(q_h k_h^T / sqrt(d)) v_h) W + b`, with `d`
    numbers per head `h`. Keys `k` and values `v` are linear functions of the
    tokens. The query `q` is a linear function of a trained vector, the same for
    all images. The scores are computed in float32.

    Reference: Zhai et al., "Scaling Vision Transformers", CVPR 2022
    (https://arxiv.org/abs/2106.04560), section 2.2, and SigLIP, Zhai et al.,
    ICCV 2023 (https://arxiv.org/abs/2303.15343). Their residual MLP is not
    part of this layer.

    Args:
        num_heads: Positive integer, which divides the number of channels.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: `(batch, tokens, channels)`.
    Output shape: `(batch, channels)`.
    """

    # The names in timm.
    torch_names = {
        "latent": ("latent", "same"),
        "q.weight": ("query.kernel", "linear"),
        "q.bias": ("query.bias", "same"),
        "kv.weight": ("key_value.kernel", "linear"),
        "kv.bias": ("key_value.bias", "same"),
        "proj.weight": ("projection.kernel", "linear"),
        "proj.bias": ("projection.bias", "same"),
    }

    def __init__(self, num_heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        self._size = channels // self.num_heads
        self.latent = self.add_weight(
            name="latent",
            shape=(1, 1, channels),
            initializer=Normal(channels**-0.5),
        )
        self.query = self._linear("query", channels, channels)
        self.key_value = self._linear("key_value", channels, 2 * channels)
        self.projection = self._linear("projection", channels, channels)

    def _linear(self, name: str, inputs: int, units: int) -> Dense:
        layer = Dense(units, dtype=self.dtype_policy, name=name)
        layer.build((None, None, inputs))
        return layer

    def call(self, inputs: Tensor) -> Tensor:
        scores, value = self._scores_and_values(inputs)
        mixed = ops.sum(scores * ops.cast(value, "float32"), axis=1)
        mixed = ops.reshape(mixed, (-1, self.num_heads * self._size))
        return self.projection(ops.cast(mixed, self.compute_dtype))

    def attention(self, inputs: Tensor) -> Tensor:
        """Returns the scores in float32, `(batch, heads, tokens)`.

        They sum to 1 over the tokens.
        """
        inputs = ops.convert_to_tensor(inputs, self.compute_dtype)
        if not self.built:
            self.build(inputs.shape)
        scores, _ = self._scores_and_values(inputs)
        return ops.transpose(scores[..., 0], (0, 2, 1))

    def _scores_and_values(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Returns `(batch, tokens, heads, 1)` and `(..., heads, d)`."""
        batch, tokens = ops.shape(inputs)[:2]
        # Exporters cannot take a tensor for the batch.
        batch = -1 if isinstance(tokens, int) else batch
        key, value = ops.split(
            ops.reshape(
                self.key_value(inputs),
                (batch, tokens, 2 * self.num_heads, self._size),
            ),
            2,
            axis=2,
        )
        latent = ops.convert_to_tensor(self.latent, self.compute_dtype)
        query = ops.cast(self.query(latent), "float32") * self._size**-0.5
        query = ops.reshape(query, (1, 1, self.num_heads, self._size))
        # A single query makes this product as fast as a matrix product.
        logits = ops.sum(
            ops.cast(key, "float32") * query, axis=-1, keepdims=True
        )
        return ops.softmax(logits, axis=1), value

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape[0], input_shape[-1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_heads": self.num_heads}
