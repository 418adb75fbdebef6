from typing import Any, Unpack

from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Pair, Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, Names
from keras_attn.layers.parts.channel_attention import ChannelAttention
from keras_attn.layers.parts.excitation import Excitation
from keras_attn.layers.registry import attention_block
from keras_attn.ops.dct import waves

# The table of the official code, on a 7 x 7 grid, as vertical and horizontal
# indices. `top` starts with the best single frequencies, `low` with the lowest
# and `bot` with the worst.
_FREQUENCIES = {
    "top": (
        "00600114513000324635526553342261",
        "01052020060463526333511242113053",
    ),
    "low": (
        "00110221203401301234501234561234",
        "01012012230043154321065432106543",
    ),
    "bot": (
        "61332412445146256162243355625536",
        "64466314456522514350311242115333",
    ),
}
_GRID = 7
_COUNTS = (1, 2, 4, 8, 16, 32)
_NAMES = [f"{kind}{n}" for kind in _FREQUENCIES for n in _COUNTS]


@attention_block(
    "fca",
    # The sides of the feature maps of the stages, for 224 x 224 images.
    of_stages=tuple({"dct_size": size} for size in (56, 28, 14, 7)),
)
class FCA(ChannelAttention):
    """Frequency channel attention: SE with DCT frequencies instead of means.

    Computes `z[c] = sum_hw x[h, w, c] * b(h, u) * b(w, v)` and
    `y = x * sigmoid(W2 relu(W1 z))`. The channels form `k` consecutive groups,
    each with one frequency `(u, v)` of the discrete cosine transform,
    `b(p, f) = cos(pi f (p + 1/2) / P) * sqrt((1 if f == 0 else 2) / P)` for `P`
    positions. It has no more weights than SE. Frequency 0 is the mean times
    `sqrt(height * width)`.

    Reference: Qin et al., "FcaNet: Frequency Channel Attention Networks", ICCV
    2021 (https://arxiv.org/abs/2012.11879). The lists of frequencies are those
    of the official code: indices on a 7 x 7 grid, multiplied by
    `dct_size // 7`. As there, a map of another size is pooled to `dct_size`
    before the transform. Here one matrix does both. Below 7, the official code
    silently falls back to frequency 0, while this layer raises an error. The
    transform and the gates are computed in float32.

    Args:
        ratio: Positive integer, the reduction of channels (to at least 1).
            Defaults to `16`.
        frequencies: `"top"`, `"low"` or `"bot"`, followed by 1, 2, 4, 8, 16 or
            32, the number of groups. Defaults to `"top16"`.
        dct_size: Integer of at least 7, the number of positions per axis of
            the transform. The official ResNets use 56, 28, 14 and 7 in their
            stages. Defaults to `7`.
        identity_start: Whether the gate is `2 s`, initially exactly 1, so that
            the layer can be added to a trained network without changing it.
            Defaults to `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `frequencies` is not one of these names, if `ratio` is
            not a positive integer, if `dct_size` is below 7, or if the number
            of channels is unknown or not a multiple of the number of groups.

    Example:

    >>> layer = keras_attn.layers.FCA(ratio=4, frequencies="low8")
    >>> x = np.ones((2, 9, 9, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 9, 9, 16), (2, 16))
    """

    def __init__(
        self,
        ratio: int = 16,
        frequencies: str = "top16",
        dct_size: int = _GRID,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(identity_start, **kwargs)
        self.ratio = checks.positive("ratio", ratio)
        self.frequencies = checks.one_of("frequencies", frequencies, _NAMES)
        self.dct_size = checks.integer(
            "dct_size",
            dct_size,
            _GRID,
            fix=f"The frequencies are defined on a {_GRID} x {_GRID} grid.",
        )

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        groups = len(self._indices())
        if channels % groups:
            raise ValueError(
                "The number of channels must be divisible into the "
                f"{groups} groups of `frequencies={self.frequencies!r}`. "
                f"Received: channels={channels}. Use fewer frequencies."
            )
        self.excitation = Excitation(
            max(1, channels // self.ratio),
            use_bias=False,
            zero_start=self.identity_start,
            dtype=self.dtype_policy,
            name="excitation",
        )
        self.excitation.build((None, channels))

    def _indices(self) -> list[Pair]:
        """Returns the pairs of frequencies, on the grid of the transform."""
        kind, count = self.frequencies[:3], int(self.frequencies[3:])
        step = self.dct_size // _GRID
        pairs = zip(*_FREQUENCIES[kind], strict=True)
        return [(int(u) * step, int(v) * step) for u, v in pairs][:count]

    def logits(self, inputs: Tensor, training: bool) -> Tensor:
        x = self.widen(inputs)
        frequencies = zip(*self._indices(), strict=True)
        down, across = map(
            self._weights, [x, x], self.spatial_axes, frequencies
        )
        z = ops.sum(x * (down * across), axis=self.spatial_axes)
        return self.excitation.excite(z)

    def _weights(
        self, x: Tensor, axis: int, frequencies: tuple[int, ...]
    ) -> Tensor:
        """Returns the factor of one axis in the weight of each position."""
        side = ops.shape(x)[axis]
        group = x.shape[self.channel_axis] // len(frequencies)
        vectors = waves(frequencies, self.dct_size, side, group)
        vectors = ops.cast(vectors, x.dtype)
        if self.channel_axis == 1:
            vectors = ops.transpose(vectors)
        shape = [1, 1, 1, 1]
        shape[axis], shape[self.channel_axis] = -1, x.shape[self.channel_axis]
        return ops.reshape(vectors, shape)

    @property
    def torch_names(self) -> tuple[Names, ...]:
        names = self.excitation.names("fc.0", "fc.2", "linear")
        # Released checkpoints also hold the transform, which is not a weight.
        return names, {**names, "dct_layer.weight": None}

    def get_config(self) -> dict[str, Any]:
        config = {
            "ratio": self.ratio,
            "frequencies": self.frequencies,
            "dct_size": self.dct_size,
        }
        return {**super().get_config(), **config}
