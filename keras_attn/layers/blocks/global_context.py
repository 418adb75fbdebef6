from collections.abc import Iterable
from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer, Names
from keras_attn.layers.parts.layer_normalization import LayerNormalization
from keras_attn.layers.parts.linear import add_linear, linear
from keras_attn.layers.registry import attention_block


@attention_block("global_context")
class GlobalContext(FeatureMapLayer):
    """Global context: adds a summary of the whole map to each position.

    Computes `a = softmax_p(w x[p])`, `v = sum_p a[p] * x[p]` and
    `t = W2 relu(LN(W1 v + b1)) + b2` with a layer normalisation `LN`, and
    `y = x + t`. With `fusion="scale"` it multiplies `x` by `sigmoid(t)`. The
    attention `a` has one number per position `p`, which sum to 1. It chooses
    what the summary `v` describes, where `SE` takes the mean. Use it as a cheap
    form of self-attention, which yields nearly the same `a` for each query.

    Reference: Cao et al., "GCNet: Non-local Networks Meet Squeeze-Excitation
    Networks and Beyond", ICCV Workshops 2019 (https://arxiv.org/abs/1904.11492),
    equation 5. The paper adds `t`; `fusion="scale"` is timm's `gc`. As in the
    official code, `W2` and `b2` start at 0, so the layer starts as the
    identity, or as a gate of 1/2. timm's networks use `ratio=8` and
    `epsilon=1e-6`. The bias of `w` in both codes cancels in the softmax. It is
    kept for their checkpoints, but not trained. Computed in float32.

    Args:
        ratio: Positive integer, the reduction of channels (to at least 1).
            Defaults to `16`.
        hidden: Positive integer, the number of hidden units, or `None` for the
            one that follows from `ratio`. Defaults to `None`.
        fusion: `"add"` or `"scale"`. Defaults to `"add"`.
        epsilon: Float, above 0, added to the variance in the normalisation.
            Defaults to `1e-5`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `ratio` or `hidden` is not a positive integer, `fusion`
            is not one of these names, `epsilon` is not above 0, or the number
            of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.GlobalContext(ratio=4)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> maps = layer.attention(x)
    >>> tuple(maps["spatial"].shape), tuple(maps["channel"].shape)
    ((2, 6, 6, 1), (2, 16))
    """

    def __init__(
        self,
        ratio: int = 16,
        hidden: int | None = None,
        fusion: str = "add",
        epsilon: float = 1e-5,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.ratio = checks.positive("ratio", ratio)
        self.hidden = checks.positive("hidden", hidden, optional=True)
        self.fusion = checks.one_of("fusion", fusion, ("add", "scale"))
        self.epsilon = checks.number(
            "epsilon",
            epsilon,
            above=0,
            fix="Without it, equal hidden units would be divided by 0.",
        )

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        hidden = self.hidden or max(1, channels // self.ratio)
        add_linear(self, "mask", channels, 1, use_bias=False)
        self.mask_bias = self.add_weight(
            name="mask_bias",
            shape=(1,),
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        add_linear(self, "reduce", channels, hidden)
        self.normalization = LayerNormalization(
            self.epsilon,
            autocast=False,
            dtype=keras.backend.result_type(self.compute_dtype, "float32"),
            name="normalization",
        )
        self.normalization.build((None, hidden))
        add_linear(self, "expand", hidden, channels, "zeros")
        axes = {self.channel_axis: channels}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def call(self, inputs: Tensor) -> Tensor:
        x = self.widen(inputs)
        _, channel = self._attend(x)
        if self.fusion == "scale":
            return self.scale(inputs, channel)
        return self.narrow(x + ops.expand_dims(channel, self.spatial_axes))

    def attention(self, inputs: Tensor) -> dict[str, Tensor]:
        """Returns the attention to positions, and the resulting vector.

        `"spatial"` is `(batch, height, width, 1)` in either data format and
        sums to 1 over the positions. `"channel"` is `(batch, channels)`, the
        numbers that `call` adds, or the gates.
        """
        inputs = self.receive(inputs)
        spatial, channel = self._attend(self.widen(inputs))
        shape = ops.shape(inputs)
        size = (shape[axis] for axis in self.spatial_axes)
        return {
            "spatial": ops.reshape(spatial, (-1, *size, 1)),
            "channel": channel,
        }

    def _attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns `a`, `(batch, 1, positions)`, and `t` or its sigmoid."""
        tokens = self.to_tokens(x)
        kernel = ops.cast(self.mask_kernel, x.dtype)
        logits = ops.matmul(ops.transpose(kernel), tokens)
        # Keras' softmax warns if there is one position. An exporter that traces
        # one pixel would keep a case for it.
        a = ops.exp(logits - ops.logsumexp(logits, axis=-1, keepdims=True))
        v = ops.matmul(tokens, ops.transpose(a, (0, 2, 1)))[:, :, 0]
        v = self.normalization(linear(self, "reduce", v))
        t = linear(self, "expand", ops.relu(v))
        return a, t if self.fusion == "add" else ops.sigmoid(t)

    @property
    def torch_names(self) -> tuple[Names, ...]:
        timm = "mlp_add" if self.fusion == "add" else "mlp_scale"
        kind = "add" if self.fusion == "add" else "mul"
        official = f"channel_{kind}_conv"
        return (
            _names(
                "conv_attn", (f"{timm}.{x}" for x in ("fc1", "norm", "fc2"))
            ),
            _names(
                "conv_mask", (f"{official}.{i}" for i in (0, 1, 3)), "pixel"
            ),
        )

    def get_config(self) -> dict[str, Any]:
        config = {
            "ratio": self.ratio,
            "hidden": self.hidden,
            "fusion": self.fusion,
            "epsilon": self.epsilon,
        }
        return {**super().get_config(), **config}


def _names(mask: str, parts: Iterable[str], layout: str = "same") -> Names:
    """Returns the names in PyTorch, given those of the four parts.

    `layout` is that of the normalisation.
    """
    reduce, norm, expand = parts
    return {
        f"{mask}.weight": ("mask_kernel", "pointwise"),
        f"{mask}.bias": ("mask_bias", "same"),
        f"{reduce}.weight": ("reduce_kernel", "pointwise"),
        f"{reduce}.bias": ("reduce_bias", "same"),
        f"{norm}.weight": ("normalization.gamma", layout),
        f"{norm}.bias": ("normalization.beta", layout),
        f"{expand}.weight": ("expand_kernel", "pointwise"),
        f"{expand}.bias": ("expand_bias", "same"),
    }
