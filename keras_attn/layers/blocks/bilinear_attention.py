from typing import Any, Unpack

from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer
from keras_attn.layers.parts.batch_normalization import normalization_names
from keras_attn.layers.parts.linear import add_linear, linear
from keras_attn.layers.parts.projection import Projection
from keras_attn.layers.registry import attention_block


@attention_block("bilinear_attention")
class BilinearAttention(FeatureMapLayer):
    """Bilinear attention: gates each value by feature products at its position.

    Computes `f = relu(batch_norm(P x))` with `dim` channels, the products `t`
    of all pairs `f[i] * f[j]`, `i <= j`, at each position,
    `w = sigmoid(W2 relu(W1 mean_hw(t) + b1) + b2)`, one gate per channel, and
    `y = x * sigmoid(w * (V t + v))`. Use it if it matters which features occur
    together at a position, as in re-identification. `t` has
    `dim * (dim + 1) / 2` channels, so keep `dim` small.

    Reference: Fang et al., "Bilinear Attention Networks for Person Retrieval",
    ICCV 2019 (https://openaccess.thecvf.com/ICCV2019). There is no public
    code. This is a reimplementation from the description: the paper's abstract
    and the formula in a survey, `x' = phi(x)`, `t = vec(utri(x' x'^T))`,
    `s = sigmoid(omega(mean(t)) * varphi(t))`. It is not known whether it
    reproduces the published numbers. The following details are not specified
    there and are chosen here. `phi` is a 1x1 convolution, batch normalisation
    and ReLU. Products are local, to keep the spatial structure. `omega`, the
    attention inside the attention, is squeeze-and-excitation with one gate per
    channel of `x`. `varphi` is a 1x1 convolution. The default widths are also
    chosen here. Everything but the last product is computed in float32, since
    products of two features overflow float16.

    Args:
        dim: Positive integer, the channels of `f`, or `None` for
            `channels // 16`, but at least 8. Defaults to `None`.
        ratio: Positive integer, the reduction of channels to the hidden units
            of `omega` (at least one). Defaults to `16`.
        identity_start: Whether the gate is `2 s`, initially exactly 1, so that
            the layer can be added to a trained network without changing it.
            Defaults to `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `dim` or `ratio` is not a positive integer, or if the
            number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.BilinearAttention(dim=4)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 6, 6, 16))
    """

    # There are no published names. These are those of the formula, with the
    # numbers of a `Sequential`.
    torch_names = {
        "phi.0.weight": ("projection.kernel", "pointwise"),
        **normalization_names("phi.1", "projection.normalization"),
        "omega.0.weight": ("inner_reduce_kernel", "linear"),
        "omega.0.bias": ("inner_reduce_bias", "same"),
        "omega.2.weight": ("inner_expand_kernel", "linear"),
        "omega.2.bias": ("inner_expand_bias", "same"),
        "varphi.weight": ("outer_kernel", "pointwise"),
        "varphi.bias": ("outer_bias", "same"),
    }

    def __init__(
        self,
        dim: int | None = None,
        ratio: int = 16,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.dim = checks.positive("dim", dim, optional=True)
        self.ratio = checks.positive("ratio", ratio)
        self.identity_start = identity_start

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        dim = self.dim or max(8, channels // 16)
        pairs = dim * (dim + 1) // 2
        hidden = max(1, channels // self.ratio)
        self.projection = Projection(
            dim, use_bias=False, dtype=self.dtype_policy, name="projection"
        )
        self.projection.build((None, channels, None))
        add_linear(self, "inner_reduce", pairs, hidden)
        add_linear(self, "inner_expand", hidden, channels)
        start = "zeros" if self.identity_start else None
        add_linear(self, "outer", pairs, channels, start)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        gates = self._gates(inputs, training)
        return self.narrow(self.widen(inputs) * gates)

    def attention(self, inputs: Tensor) -> Tensor:
        """Returns the gates in inference, one for each value of the input.

        `(batch, height, width, channels)` in either data format.
        """
        gates = self._gates(self.receive(inputs), training=False)
        if self.data_format == "channels_first":
            gates = ops.transpose(gates, (0, 2, 3, 1))
        return gates

    def _gates(self, inputs: Tensor, training: bool) -> Tensor:
        """Returns the gates in the shape of the inputs."""
        tokens = self.to_tokens(self.widen(inputs))
        f = self.projection(tokens, training=training)
        # Each symmetric product once, by slices: PyTorch's exporter does not
        # support a gather.
        dim = self.projection.dim
        products = [f[:, i : i + 1] * f[:, i:] for i in range(dim)]
        products = ops.concatenate(products, axis=1)
        kernel = ops.transpose(ops.cast(self.outer_kernel, f.dtype))
        bias = ops.expand_dims(ops.cast(self.outer_bias, f.dtype), 1)
        z = ops.matmul(kernel, products) + bias
        z = z * ops.expand_dims(self._inner_gates(f), 2)
        height, width = (ops.shape(inputs)[axis] for axis in self.spatial_axes)
        gates = ops.sigmoid(self.from_tokens(z, height, width))
        return 2.0 * gates if self.identity_start else gates

    def _inner_gates(self, f: Tensor) -> Tensor:
        """Returns one gate per image and channel, from the mean products.

        One matrix product computes all mean products, which costs less than
        averaging each of them.
        """
        dim = self.projection.dim
        mean = ops.matmul(f, ops.transpose(f, (0, 2, 1)))
        mean = mean / ops.cast(ops.shape(f)[2], f.dtype)
        z = ops.concatenate([mean[:, i, i:] for i in range(dim)], axis=1)
        z = ops.relu(linear(self, "inner_reduce", z))
        return ops.sigmoid(linear(self, "inner_expand", z))

    def get_config(self) -> dict[str, Any]:
        config = {
            "dim": self.dim,
            "ratio": self.ratio,
            "identity_start": self.identity_start,
        }
        return {**super().get_config(), **config}
