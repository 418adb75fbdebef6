from typing import Any, Unpack

from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor, Variable
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer
from keras_attn.layers.registry import attention_block


@attention_block("gct", placement="convolution")
class GCT(FeatureMapLayer):
    """Gated channel transformation: channels compete or cooperate by energy.

    Computes `e[c] = alpha[c] * sqrt(sum_hw(x**2) + epsilon)`,
    `norm(e) = sqrt(mean_c(e**2) + epsilon)` and
    `y = x * (1 + tanh(gamma * e / norm(e) + beta))`. With `norm="l1"`,
    `e[c] = alpha[c] * sum_hw(abs(x))` and `norm(e) = mean_c(abs(e)) + epsilon`.
    There are three weights per channel. `gamma` and `beta` start at 0, so that
    the layer starts as the identity and can be added to a trained network
    without changing it. The paper places it before every convolution and
    exempts `beta` from weight decay.

    Reference: Yang et al., "Gated Channel Transformation for Visual
    Recognition", CVPR 2020 (https://arxiv.org/abs/1909.11519). Both sums are
    computed as means with `epsilon / (height * width)`, which yields the same
    gates and does not overflow. Computed in float32. Not to be confused with
    the Gaussian Context Transformer.

    Args:
        norm: `"l2"` or `"l1"`. Defaults to `"l2"`.
        epsilon: Float, above 0. Defaults to `1e-5`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `norm` is not one of these names, if `epsilon` is not
            above 0, or if the number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.GCT()
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 16))
    """

    torch_names = {
        "alpha": ("alpha", "channels"),
        "gamma": ("gamma", "channels"),
        "beta": ("beta", "channels"),
    }

    def __init__(
        self,
        norm: str = "l2",
        epsilon: float = 1e-5,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.norm = checks.one_of("norm", norm, ("l1", "l2"))
        self.epsilon = checks.number(
            "epsilon",
            epsilon,
            above=0,
            fix="Without it, an image of zeros would be divided by 0.",
        )

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        self.alpha = self._add_vector("alpha", channels, "ones")
        self.gamma = self._add_vector("gamma", channels, "zeros")
        self.beta = self._add_vector("beta", channels, "zeros")

    def _add_vector(
        self, name: str, channels: int, initializer: str
    ) -> Variable:
        return self.add_weight(
            name=name,
            shape=(channels,),
            initializer=initializer,
            autocast=False,
        )

    def call(self, inputs: Tensor) -> Tensor:
        return self.scale(inputs, self._gates(inputs))

    def attention(self, inputs: Tensor) -> Tensor:
        """Returns the gates, `(batch, channels)`, between 0 and 2."""
        return self._gates(self.receive(inputs))

    def _gates(self, inputs: Tensor) -> Tensor:
        x = self.widen(inputs)
        alpha, gamma, beta = (
            ops.cast(w, x.dtype) for w in (self.alpha, self.gamma, self.beta)
        )
        height, width = (ops.shape(x)[axis] for axis in self.spatial_axes)
        epsilon = self.epsilon / ops.cast(height * width, x.dtype)
        if self.norm == "l2":
            energy = self.mean(ops.square(x))
            e = alpha * ops.sqrt(energy + epsilon)
            norm = ops.mean(ops.square(e), axis=1, keepdims=True)
            norm = ops.sqrt(norm + epsilon)
        else:
            e = alpha * self.mean(ops.abs(x))
            norm = ops.mean(ops.abs(e), axis=1, keepdims=True) + epsilon
        return 1.0 + ops.tanh(gamma * e / norm + beta)

    def get_config(self) -> dict[str, Any]:
        config = {"norm": self.norm, "epsilon": self.epsilon}
        return {**super().get_config(), **config}
