from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import backend, checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import LayerArguments
from keras_attn.layers.parts import attention_names
from keras_attn.layers.parts.dense import Dense
from keras_attn.layers.parts.initializers import copied
from keras_attn.layers.parts.layer_normalization import LayerNormalization
from keras_attn.layers.parts.rotary_embedding import RotaryEmbedding
from keras_attn.ops import attention


@keras.saving.register_keras_serializable(package="keras_attn")
class MultiHeadSelfAttention(keras.layers.Layer):
    """Multi-head self-attention with access to its scores.

    Computes `y = concat_h(softmax(q_h k_h^T / sqrt(d)) v_h) W + b` from the
    queries `q`, keys `k` and values `v` of the tokens, with `d` numbers per
    head `h` and a softmax over the keys. `call` uses the fused operation of
    the backend, while `attention` computes the scores in float32. They agree
    to 1e-5.

    Reference: Vaswani et al., "Attention Is All You Need", NIPS 2017
    (https://arxiv.org/abs/1706.03762), section 3.2. One linear layer computes
    queries, keys and values, in this order and each with its heads in
    sequence, as in PyTorch's `MultiheadAttention` and in timm. The linear
    layers `qkv` and `projection` are faster versions of Keras' `Dense`, and
    support `quantize("int8")` and `enable_lora`.

    Args:
        num_heads: Positive integer, the number of heads.
        head_dim: Positive integer, `d`, or `None` for `channels / num_heads`,
            which must then be an integer. Defaults to `None`.
        qkv_bias: Whether queries, keys and values have a bias, or
            `"query_value"` for all but the keys. Defaults to `True`.
        project: Whether a linear layer with `W` and `b` mixes the heads.
            Otherwise the output is the concatenated heads,
            `num_heads * head_dim` numbers per token. Defaults to `True`.
        dropout: Number in [0, 1), the fraction of the scores that are set to
            0 in training. Above 0, training does not use the fused operation.
            Defaults to `0.0`.
        kernel_initializer: Initialiser of the kernels of both linear layers.
            Defaults to `"glorot_uniform"`.
        bias_initializer: Initialiser of the bias `b`, or `None` for zeros.
            Defaults to `None`.
        seed: Integer, the seed of the dropout, or `None` to follow
            `keras.utils.set_random_seed`. Defaults to `None`.
        qk_norm: Whether queries and keys are normalised over the numbers of a
            head, each with a trained scale and offset that all heads share,
            as in Dehghani et al., https://arxiv.org/abs/2302.05442, section
            2.1. Defaults to `False`.
        epsilon: Number of at least 0, the epsilon of these normalisations.
            Defaults to `1e-6`.
        rotary_grid: Pair of integers, the rows and columns of the last tokens,
            whose queries and keys are then rotated by their positions, as in
            DINOv3, https://arxiv.org/abs/2508.10104. The size of a head must
            be a multiple of 4. Defaults to `None`, for no rotation.
        mixed_norm: Whether the concatenated heads are normalised before the
            output projection, with the same epsilon, as in Wang et al.,
            https://arxiv.org/abs/2210.06423. Defaults to `False`.
        project_bias: Whether the output projection has the bias `b`. Defaults
            to `True`.
        **kwargs: `keras.layers.Layer` arguments.

    Call arguments:
        inputs: Tokens, `(batch, tokens, channels)`.
        mask: Boolean `(batch, tokens)`, true for tokens that may be attended
            to. Defaults to `None`, for all tokens. If it is false for all
            tokens, the result is meaningless, but finite.
        training: Whether to apply dropout.

    Input shape: `(batch, tokens, channels)`.
    Output shape: Same as input. Without `project`,
        `(batch, tokens, num_heads * head_dim)`.

    Raises:
        ValueError: If an argument is invalid, or if the number of channels is
            unknown or not a multiple of the number of heads.

    Example:

    >>> layer = keras_attn.layers.MultiHeadSelfAttention(num_heads=4)
    >>> x = np.random.default_rng(0).normal(size=(2, 5, 32))
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 5, 32), (2, 4, 5, 5))
    """

    torch_names = attention_names.TABLES

    def __init__(
        self,
        num_heads: int,
        head_dim: int | None = None,
        qkv_bias: bool | str = True,
        project: bool = True,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = None,
        seed: int | None = None,
        qk_norm: bool = False,
        epsilon: float = 1e-6,
        rotary_grid: tuple[int, int] | None = None,
        mixed_norm: bool = False,
        project_bias: bool = True,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(**kwargs)
        self.num_heads = checks.positive("num_heads", num_heads)
        self.head_dim = checks.positive("head_dim", head_dim, optional=True)
        if not isinstance(qkv_bias, bool):
            checks.one_of("qkv_bias", qkv_bias, ("query_value",))
        self.qkv_bias = qkv_bias
        self.project = project
        self.dropout = checks.share("dropout", dropout)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed = seed
        self.qk_norm = qk_norm
        self.epsilon = checks.number("epsilon", epsilon, least=0)
        self.rotary_grid = checks.pair(
            "rotary_grid", rotary_grid, optional=True
        )
        self.mixed_norm = mixed_norm
        self.project_bias = project_bias
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                "The number of channels must be known. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        if self.head_dim is None and channels % self.num_heads:
            raise ValueError(
                "The number of channels must be a multiple of `num_heads` if "
                f"`head_dim` is None. Received: {channels} channels, "
                f"num_heads={self.num_heads}"
            )
        self._size = self.head_dim or channels // self.num_heads
        inner = self.num_heads * self._size
        self.qkv = Dense(
            3 * inner,
            use_bias=self.qkv_bias is True,
            kernel_initializer=copied(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="qkv",
        )
        self.qkv.build((None, None, channels))
        self.query_bias = self.value_bias = None
        if self.qkv_bias == "query_value":
            self.query_bias, self.value_bias = (
                self.add_weight(name=name, shape=(inner,), initializer="zeros")
                for name in ("query_bias", "value_bias")
            )
        self.projection = None
        if self.project:
            self.projection = Dense(
                channels,
                use_bias=self.project_bias,
                kernel_initializer=copied(self.kernel_initializer),
                bias_initializer=copied(self.bias_initializer) or "zeros",
                dtype=self.dtype_policy,
                name="projection",
            )
            self.projection.build((None, None, inner))
        self.rotate = None
        if self.rotary_grid is not None:
            self.rotate = RotaryEmbedding(
                self.rotary_grid, dtype=self.dtype_policy, name="rotary"
            )
            self.rotate.build(
                (None, input_shape[1], self.num_heads, self._size)
            )
        self.query_norm = self.key_norm = None
        if self.qk_norm:
            self.query_norm = self._normalization("query_norm", self._size)
            self.key_norm = self._normalization("key_norm", self._size)
        self.projection_norm = None
        if self.mixed_norm:
            self.projection_norm = self._normalization("projection_norm", inner)
        self._drop = None
        if self.dropout:
            self._drop = keras.layers.Dropout(
                self.dropout, seed=self.seed, dtype=self.dtype_policy
            )

    def _normalization(self, name: str, size: int) -> LayerNormalization:
        layer = LayerNormalization(
            self.epsilon, dtype=self.dtype_policy, name=name
        )
        layer.build((None, size))
        return layer

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> Tensor:
        query, key, value = self._split(inputs)
        if mask is not None:
            mask = mask[:, None, None, :]
        scale = self._size**-0.5
        if self._drop is not None and training:
            scores = attention.scores(query, key, mask, scale)
            scores = ops.cast(scores, value.dtype)
            scores = self._drop(scores, training=True)
            mixed = ops.einsum("bhqk,bkhd->bqhd", scores, value)
        else:
            mixed = backend.attend(query, key, value, mask, scale)
        mixed = ops.reshape(mixed, self._shape_of(inputs))
        if self.projection_norm is not None:
            mixed = self.projection_norm(mixed)
        return mixed if self.projection is None else self.projection(mixed)

    def attention(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the scores in inference, in float32.

        They are `(batch, heads, queries, keys)` and sum to 1 over the keys.
        """
        inputs = ops.convert_to_tensor(inputs, self.compute_dtype)
        if not self.built:
            self.build(inputs.shape)
        query, key, _ = self._split(inputs)
        if mask is not None:
            mask = ops.convert_to_tensor(mask, "bool")[:, None, None, :]
        return attention.scores(query, key, mask, self._size**-0.5)

    def _split(self, inputs: Tensor) -> list[Tensor]:
        """Returns queries, keys and values, `(batch, tokens, heads, d)`."""
        batch_and_tokens = self._shape_of(inputs)[:2]
        qkv = ops.reshape(
            self.qkv(inputs),
            (*batch_and_tokens, 3 * self.num_heads, self._size),
        )
        query, key, value = ops.split(qkv, 3, axis=2)
        if self.query_bias is not None and self.value_bias is not None:
            shape = self.num_heads, self._size
            query = query + ops.reshape(self.query_bias, shape)
            value = value + ops.reshape(self.value_bias, shape)
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        if self.rotate is not None:
            query, key = self.rotate(query), self.rotate(key)
        return [query, key, value]

    def _shape_of(self, inputs: Tensor) -> Shape:
        """Returns the shape of the mixed values with concatenated heads.

        If the number of tokens is known, the batch is -1, since exporters
        cannot take a tensor for it.
        """
        batch, tokens = ops.shape(inputs)[:2]
        batch = -1 if isinstance(tokens, int) else batch
        return batch, tokens, self.num_heads * self._size

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.project:
            return tuple(input_shape)
        size = self.head_dim or input_shape[-1] // self.num_heads
        return (*input_shape[:-1], self.num_heads * size)

    def get_config(self) -> dict[str, Any]:
        config = {
            "num_heads": self.num_heads,
            "head_dim": self.head_dim,
            "qkv_bias": self.qkv_bias,
            "project": self.project,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
            "seed": self.seed,
            "qk_norm": self.qk_norm,
            "epsilon": self.epsilon,
            "rotary_grid": self.rotary_grid,
            "mixed_norm": self.mixed_norm,
            "project_bias": self.project_bias,
        }
        return {**super().get_config(), **config}
