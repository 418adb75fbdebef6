from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import LayerArguments
from keras_attn.ops import precision


@keras.saving.register_keras_serializable(package="keras_attn")
class LayerScale(keras.layers.Layer):
    """Layer scale: multiplies each channel by a learned factor.

    Computes `y = x * gamma`, with one factor per channel. Use it at the end of
    a residual branch, before the sum. With a small initial value, the branch
    starts close to 0 and the block close to the identity, which deep
    transformers need to train.

    Reference: Touvron et al., "Going deeper with Image Transformers", ICCV 2021
    (https://arxiv.org/abs/2103.17239), equation 4. The paper starts at 0.1 up
    to 18 blocks, at 1e-5 up to 24, and at 1e-6 beyond. The product is computed
    in float32, since float16 cannot hold such a factor with full precision.

    Args:
        initial: Number of at least 0, the initial value of all factors.
            Defaults to `1e-5`.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: `(batch, ..., channels)`, such as tokens
        `(batch, tokens, channels)`.
    Output shape: Same as input.

    Raises:
        ValueError: If `initial` is not a finite number of at least 0, or if
            the number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.LayerScale(initial=0.5)
    >>> tokens = np.ones((2, 5, 16), "float32")
    >>> y = keras.ops.convert_to_numpy(layer(tokens))
    >>> y.shape, float(y.max())
    ((2, 5, 16), 0.5)
    """

    # The name in timm, and those of its two scales per block in EVA.
    torch_names = (
        {"gamma": ("gamma", "same")},
        {"gamma_1": ("gamma", "same")},
        {"gamma_2": ("gamma", "same")},
    )

    def __init__(self, initial: float = 1e-5, **kwargs: Unpack[LayerArguments]):
        super().__init__(**kwargs)
        self.initial = checks.number("initial", initial, least=0)
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                "`LayerScale` requires a static number of channels, the last "
                f"axis. Received: input_shape={tuple(input_shape)}"
            )
        self.gamma = self.add_weight(
            name="gamma",
            shape=(channels,),
            initializer=keras.initializers.Constant(self.initial),
            autocast=False,
        )
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: channels}
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = precision.widen(inputs)
        y = x * ops.cast(self.gamma, x.dtype)
        return precision.narrow(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial": self.initial}
