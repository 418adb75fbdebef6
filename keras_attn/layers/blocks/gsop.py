from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer, Names
from keras_attn.layers.parts.batch_normalization import normalization_names
from keras_attn.layers.parts.initializers import FanInUniform
from keras_attn.layers.parts.projection import Projection, float32_normalization
from keras_attn.layers.registry import attention_block
from keras_attn.ops.adaptive_pooling import average_pool
from keras_attn.ops.covariance import covariance


@attention_block(
    "gsop",
    placement="last",
    # The official code uses a stride of 2 in the first stage.
    of_stages=({"strides": 2}, {}, {}, {}),
)
class GSoP(FeatureMapLayer):
    """Global second-order pooling: gates by the rows of a covariance.

    Computes `p = batch_norm(W relu(x) + b)` with `dim` channels, a covariance
    `S`, `r = batch_norm(S)` by rows, four sums per row
    `o[i, j] = sum_k R[i, j, k] r[i, k] + c[i, j]`, `s = sigmoid(U o + u)` and
    `y = x * s`.

    In mode `"channel"`, `S` is the covariance of the channels of `relu(p)`
    over positions, and there is one gate per channel of `x`. This is the usual
    mode, at the end of a stage before the residual is added. SE only uses the
    means of channels, while this block uses which channels occur together.

    In mode `"position"`, `p` is averaged to `grid x grid` positions, `S` is
    their covariance over channels, and `relu(o)` replaces `o`. There is one
    gate per grid position, and the gates are averaged to the size of `x`.

    Reference: Gao et al., "Global Second-order Pooling Convolutional
    Networks", CVPR 2019 (https://arxiv.org/abs/1811.12006). The official code
    differs in position mode. Its matrix centres the features only if `dim` is
    `grid * grid`. With 128 and 8, the result is not a covariance, since it can
    have a negative eigenvalue. Here it is centred, and divided by `dim`. The
    official code also applies a ReLU to `x * s` in this mode, has no strides,
    and always uses a grid of 8. Add a ReLU after the layer if needed. Kernels
    are initialised normally with a variance of `2 / fan_out`, and biases as in
    PyTorch. Everything but the last product is computed in float32.

    Args:
        dim: Positive integer, the channels after the reduction. Defaults to
            `128`.
        mode: `"channel"` or `"position"`. Defaults to `"channel"`.
        strides: Positive integer, the step between the rows and columns that
            are used. The official networks use 2 in the first stage. Defaults
            to `1`.
        grid: Positive integer, the height and width of the grid in position
            mode. Defaults to `8`.
        identity_start: Whether the gate is `2 s`, initially exactly 1, so that
            the layer can be added to a trained network without changing it.
            Defaults to `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `dim`, `strides` or `grid` is not a positive integer, if
            `mode` is not one of the two modes, or if the number of channels is
            unknown.

    Example:

    >>> layer = keras_attn.layers.GSoP(dim=8)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 16))
    >>> layer = keras_attn.layers.GSoP(dim=8, mode="position", grid=3)
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 6, 6, 1))
    """

    def __init__(
        self,
        dim: int = 128,
        mode: str = "channel",
        strides: int = 1,
        grid: int = 8,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.dim = checks.positive("dim", dim)
        self.mode = checks.one_of("mode", mode, ("channel", "position"))
        self.strides = checks.positive("strides", strides)
        self.grid = checks.positive("grid", grid)
        self.identity_start = identity_start

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        of_channels = self.mode == "channel"
        rows = self.dim if of_channels else self.grid**2
        outputs = channels if of_channels else rows
        self.projection = Projection(
            self.dim,
            rectified=of_channels,
            kernel_initializer=_normal(self.dim),
            dtype=self.dtype_policy,
            name="projection",
        )
        self.projection.build((None, channels, None))
        self.row_normalization = float32_normalization(
            "row_normalization", self.compute_dtype
        )
        self.row_normalization.build((None, rows, rows))
        # The shape of the depthwise convolution in PyTorch.
        self._add("row_kernel", (rows, 1, rows, 4), _normal(4 * rows**2))
        self._add("row_bias", (4 * rows,), FanInUniform(rows))
        starts = _normal(outputs), FanInUniform(4 * rows)
        if self.identity_start:
            starts = "zeros", "zeros"
        self._add("gate_kernel", (4 * rows, outputs), starts[0])
        self._add("gate_bias", (outputs,), starts[1])

    def _add(self, name: str, shape: tuple[int, ...], initializer: Any) -> None:
        weight = self.add_weight(
            name=name, shape=shape, initializer=initializer, autocast=False
        )
        setattr(self, name, weight)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        gates = self._gates(inputs, training)
        if self.mode == "channel":
            return self.scale(inputs, gates)
        gates = ops.expand_dims(gates, self.channel_axis)
        return self.narrow(self.widen(inputs) * gates)

    def attention(self, inputs: Tensor) -> Tensor:
        """Returns the gates in inference.

        They are `(batch, channels)` in channel mode and
        `(batch, height, width, 1)`, in either data format, in position mode.
        """
        gates = self._gates(self.receive(inputs), training=False)
        return gates if self.mode == "channel" else ops.expand_dims(gates, 3)

    def _gates(self, inputs: Tensor, training: bool) -> Tensor:
        steps = [slice(None)] * 4
        for axis in self.spatial_axes:
            steps[axis] = slice(None, None, self.strides)
        x = inputs[tuple(steps)] if self.strides > 1 else inputs
        tokens = self.to_tokens(ops.relu(self.widen(x)))
        tokens = self.projection(tokens, training=training)
        if self.mode == "position":
            tokens = self._to_grid(tokens, x)
        gates = ops.sigmoid(self._logits(covariance(tokens), training))
        if self.identity_start:
            # Initially exactly 0, so that the averages are 0 too.
            gates = 2.0 * gates - 1.0
        if self.mode == "position":
            gates = self._from_grid(gates, inputs)
        return 1.0 + gates if self.identity_start else gates

    def _logits(self, covariances: Tensor, training: bool) -> Tensor:
        """Returns one logit per gate, from a covariance."""
        r = self.row_normalization(covariances, training=training)
        row_kernel, row_bias, gate_kernel, gate_bias = (
            ops.cast(weight, r.dtype)
            for weight in (
                self.row_kernel,
                self.row_bias,
                self.gate_kernel,
                self.gate_bias,
            )
        )
        o = ops.einsum("bik,kij->bij", r, ops.squeeze(row_kernel, 1))
        o = ops.reshape(o, (-1, gate_kernel.shape[0])) + row_bias
        o = ops.relu(o) if self.mode == "position" else o
        return ops.matmul(o, gate_kernel) + gate_bias

    def _to_grid(self, tokens: Tensor, image: Tensor) -> Tensor:
        """Averages to the grid, `(batch, grid * grid, dim)`."""
        height, width = (ops.shape(image)[axis] for axis in self.spatial_axes)
        maps = ops.reshape(tokens, (-1, self.dim, height, width))
        maps = average_pool(maps, (height, width), (self.grid, self.grid))
        tokens = ops.reshape(maps, (-1, self.dim, self.grid**2))
        return ops.transpose(tokens, (0, 2, 1))

    def _from_grid(self, gates: Tensor, image: Tensor) -> Tensor:
        """Averages to the size of an image, `(batch, height, width)`."""
        size = tuple(ops.shape(image)[axis] for axis in self.spatial_axes)
        gates = ops.reshape(gates, (-1, self.grid, self.grid))
        return average_pool(gates, (self.grid, self.grid), size)

    @property
    def torch_names(self) -> tuple[Names, ...]:
        position = self.mode == "position"
        short, long = ("_spatial", "_for_spatial") if position else ("", "")
        official = (
            f"conv_for_DR{short}",
            f"bn_for_DR{short}",
            f"row_bn{long}",
            f"row_conv_group{long}",
            f"fc_adapt_channels{long}",
        )
        plain = "conv", "bn", "row_bn", "row_conv", "fc"
        return self._names(*official), self._names(*plain)

    def _names(
        self, conv: str, bn: str, row_bn: str, row_conv: str, fc: str
    ) -> Names:
        return {
            **self.projection.names(conv, bn),
            **normalization_names(row_bn, "row_normalization"),
            f"{row_conv}.weight": ("row_kernel", "depthwise"),
            f"{row_conv}.bias": ("row_bias", "same"),
            f"{fc}.weight": ("gate_kernel", "pointwise"),
            f"{fc}.bias": ("gate_bias", "same"),
        }

    def get_config(self) -> dict[str, Any]:
        config = {
            "dim": self.dim,
            "mode": self.mode,
            "strides": self.strides,
            "grid": self.grid,
            "identity_start": self.identity_start,
        }
        return {**super().get_config(), **config}


def _normal(fan_out: int) -> keras.initializers.Initializer:
    """Returns the official initialiser: He's by `fan_out`, not truncated."""
    return keras.initializers.RandomNormal(stddev=(2.0 / fan_out) ** 0.5)
