from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import backend, checks
from keras_attn.backend.protocol import Function, Pair, Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer
from keras_attn.layers.parts.initializers import FanInUniform
from keras_attn.layers.registry import attention_block
from keras_attn.ops import correlation


@attention_block("feature_act")
class FeatureAct(FeatureMapLayer):
    """FeatureAct: adds features from correlations between channels.

    Computes

    `a[q, i, k] = act(sum_p W[q, p] * s[p, i] * t[p, k] / sqrt(n) + b[q])`,
    `f[q, k] = sum_i m[q, i] * a[q, i, k]` and
    `y[q] = x[q] + relu(U f[q] + u)`,

    where `s`, `t` and `m = relu(.)` are three projections (source, target and
    main) of each of the `n = height * width` positions to
    `dim = channels // ratio` values. Use it after a pooling, where `n` is
    small: the learned matrix `W` has `n * n` entries and ties the layer to the
    height and width that it was built with.

    Reference: the facial expression network "FeatureAct v4", published as
    code only. Two choices follow the code: there is no activation on the
    correlation (its notes try a sigmoid, which makes the maps noisier), and
    the divisor is `sqrt(n)`, not `sqrt(dim)`. As in the code, all weights are
    initialised uniformly within `+-1 / sqrt(fan_in)`. With Glorot
    initialisation, the product of three maps does not learn. Everything is
    computed in float32, since the product overflows float16. If the output
    overflows, it becomes 65504.

    Args:
        ratio: Positive integer, the reduction of channels to `dim` (at least
            1). Defaults to `4`.
        activation: Name of a Keras activation or a callable, applied to the
            correlation, or `None`. Defaults to `None`, which is also cheaper:
            the order of the sums can then be exchanged to save memory.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first. All sizes but the
        batch must be static.
    Output shape: Same as input.

    Raises:
        ValueError: If `ratio` is not a positive integer, if height, width or
            channels are unknown, or if the size of an input is not the one
            that the layer was built with.

    Example:

    >>> layer = keras_attn.layers.FeatureAct(ratio=4)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape)
    (2, 6, 6, 16)
    >>> maps = layer.attention(x)
    >>> tuple(maps["correlation"].shape), tuple(maps["feature"].shape)
    ((2, 6, 6, 4, 4), (2, 6, 6, 16))
    """

    # The names in the published code, and the layouts of its arrays.
    torch_names = {
        "src_conv.weight": ("source_kernel", "pointwise"),
        "src_conv.bias": ("source_bias", "same"),
        "target_conv.weight": ("target_kernel", "pointwise"),
        "target_conv.bias": ("target_bias", "same"),
        "down_depth.0.weight": ("main_kernel", "pointwise"),
        "down_depth.0.bias": ("main_bias", "same"),
        "att_act.weight": ("mixing", "position"),
        "att_act.bias": ("mixing_bias", "same"),
        "up_depth.0.weight": ("up_kernel", "pointwise"),
        "up_depth.0.bias": ("up_bias", "same"),
    }

    def __init__(
        self,
        ratio: int = 4,
        activation: str | Function | None = None,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.ratio = checks.positive("ratio", ratio)
        self.activation = (
            None if activation is None else keras.activations.get(activation)
        )

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        height, width = (input_shape[axis] for axis in self.spatial_axes)
        size = height, width
        if None in size:
            raise ValueError(
                "`FeatureAct` requires a static height and width, because it "
                "has a weight for every pair of positions. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        dim = max(1, channels // self.ratio)
        positions = height * width
        for name in ("source", "target", "main"):
            self._add_affine(name, "kernel", (channels, dim), channels)
        self._add_affine("mixing", "", (positions, positions), positions)
        self._add_affine("up", "kernel", (dim, channels), dim)
        axes = {self.channel_axis: channels}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)
        self.size = size
        self.dim = dim
        # Chosen by memory. If both forms need the same, they are as fast.
        self.factors = self.activation is None and positions <= dim**2

    def _add_affine(
        self, name: str, suffix: str, shape: Pair, fan_in: int
    ) -> None:
        """Adds a matrix and its bias, initialised as in the published code."""
        # Not autocast: TensorFlow cannot multiply bfloat16 by float32.
        kernel = self.add_weight(
            name=f"{name}_{suffix}" if suffix else name,
            shape=shape,
            initializer=FanInUniform(fan_in),
            autocast=False,
        )
        bias = self.add_weight(
            name=f"{name}_bias",
            shape=shape[-1:],
            initializer=FanInUniform(fan_in),
            autocast=False,
        )
        setattr(self, kernel.name, kernel)
        setattr(self, bias.name, bias)

    def call(self, inputs: Tensor) -> Tensor:
        feature = self._feature(*self._project(inputs))
        return self.narrow(self.widen(inputs) + feature)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_size(input_shape)
        return super().compute_output_shape(input_shape)

    def attention(self, inputs: Tensor) -> dict[str, Tensor]:
        """Returns the correlation, and the feature that `call` adds.

        The correlation is `(batch, height, width, dim, dim)` in either data
        format, for each position, source channel and target channel. The
        feature has the shape of the input.
        """
        inputs = self.receive(inputs)
        source, target, main = self._project(inputs)
        maps = correlation.correlation(
            source, target, *self._mixing(source), self.activation
        )
        maps = ops.transpose(maps, (0, 3, 1, 2))
        shape = (-1, *self.size, self.dim, self.dim)
        return {
            "correlation": ops.reshape(maps, shape),
            "feature": self.narrow(self._feature(source, target, main)),
        }

    def _project(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns source, target and main as `(batch, dim, positions)`."""
        self._check_size(inputs.shape)
        x = self.widen(inputs)
        # One product for all three, since each reads the whole input.
        kernel = [self.source_kernel, self.target_kernel, self.main_kernel]
        bias = [self.source_bias, self.target_bias, self.main_bias]
        x = self._pointwise(
            x, ops.concatenate(kernel, axis=1), ops.concatenate(bias, axis=0)
        )
        tokens = backend.contiguous(self.to_tokens(x))
        source, target, main = ops.split(tokens, 3, axis=1)
        return source, target, ops.relu(main)

    def _feature(self, source: Tensor, target: Tensor, main: Tensor) -> Tensor:
        """Returns the feature to add, in the input's shape and in float32."""
        tensors = source, target, main, *self._mixing(source)
        if self.factors:
            feature = correlation.factored(*tensors)
        elif self.activation is None:
            feature = correlation.explicit(*tensors)
        else:
            feature = correlation.streamed(*tensors, self.activation)
        feature = self.from_tokens(feature, *self.size)
        feature = self._pointwise(feature, self.up_kernel, self.up_bias)
        return backend.rectify(feature)

    def _mixing(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mixing matrix and its bias, in the dtype of a tensor."""
        mixing = ops.cast(self.mixing, like.dtype)
        return mixing, ops.cast(self.mixing_bias, like.dtype)

    def _pointwise(self, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        """Applies a matrix to the channels of each position."""
        first = self.data_format == "channels_first"
        equation = "bchw,cd->bdhw" if first else "bhwc,cd->bhwd"
        y = ops.einsum(equation, x, ops.cast(kernel, x.dtype))
        bias = ops.cast(bias, x.dtype)
        return y + (ops.reshape(bias, (-1, 1, 1)) if first else bias)

    def _check_size(self, shape: Shape) -> None:
        size = tuple(shape[axis] for axis in self.spatial_axes)
        if self.built and size != self.size:
            raise ValueError(
                "The input of `FeatureAct` must have the size that it was "
                f"built for, {self.size[0]} x {self.size[1]} positions. "
                f"Received: input_shape={tuple(shape)}. Resize the input, or "
                "build another layer."
            )

    def get_config(self) -> dict[str, Any]:
        activation = self.activation
        if activation is not None:
            activation = keras.activations.serialize(activation)
        config = {"ratio": self.ratio, "activation": activation}
        return {**super().get_config(), **config}
