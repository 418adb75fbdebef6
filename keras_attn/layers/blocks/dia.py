from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer, Names
from keras_attn.layers.parts.linear import add_linear, linear
from keras_attn.layers.registry import attention_block

# The two tensors `h` and `c`.
State = Sequence[Tensor]


@attention_block("dia", placement="shared")
class DIA(FeatureMapLayer):
    """Dense-and-implicit attention: one recurrent cell gates a whole stage.

    Computes

    `z = mean_hw(x)`,
    `i, f, g, o = W1 relu(V1 z + v1) + W2 relu(V2 h' + v2) + w1 + w2`,
    `c = sigmoid(f) * c' + sigmoid(i) * tanh(g)`,
    `h = sigmoid(o) * sigmoid(c)` and `y = x * h`,

    where `h'` and `c'` are the state of the previous block, or zeros. Share
    one layer between all residual blocks of a stage, whose branches have the
    same number of channels. Put it after the last normalisation of each
    branch, before the sum. Every gate then depends on all earlier blocks, with
    the parameters of a single layer:

    ```python
    dia = DIA(return_state=True)
    y1, h, c = dia(x1)
    y2, h, c = dia(x2, initial_state=[h, c])
    ```

    The layer itself does not store the state between calls.

    Reference: Huang et al., "DIANet: Dense-and-Implicit Attention Network",
    AAAI 2020 (https://arxiv.org/abs/1905.10671), as in the published code. It
    has `sigmoid(c)` where an LSTM has `tanh(c)`, and each linear layer of the
    cell is a bottleneck of two. At the first block, the hidden bottleneck
    contributes only its biases. Here, one matrix product applies the last
    linear layers of both bottlenecks. The cell is computed in float32.

    Args:
        ratio: Positive integer, the reduction of channels in the cell (to at
            least 1). Defaults to `4`.
        return_state: Whether to return the state too. Defaults to `False`.
        identity_start: Whether the gate is `4 h`, initially exactly 1, so that
            the layer can be added to a trained network without changing it.
            Defaults to `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Call arguments:
        inputs: The feature map.
        initial_state: List of `h` and `c`, each `(batch, channels)`, or
            `None` for zeros.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input. With `return_state`, a list of this shape and
        the shapes of `h` and `c`, each `(batch, channels)` in float32.

    Raises:
        ValueError: If `ratio` is not a positive integer, if the number of
            channels is unknown, or if `initial_state` is not a pair of
            tensors of shape `(batch, channels)`.

    Example:

    >>> layer = keras_attn.layers.DIA(return_state=True)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> y, h, c = layer(x)
    >>> y, h, c = layer(x, initial_state=[h, c])
    >>> tuple(y.shape), tuple(h.shape), tuple(c.shape)
    ((2, 6, 6, 16), (2, 16), (2, 16))
    """

    def __init__(
        self,
        ratio: int = 4,
        return_state: bool = False,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        # Not autocast, since half precision would round the state. Passing
        # `autocast` twice is a TypeError.
        super().__init__(autocast=False, **kwargs)  # pyright: ignore[reportCallIssue]
        self.ratio = checks.positive("ratio", ratio)
        self.return_state = return_state
        self.identity_start = identity_start

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        dim = max(1, channels // self.ratio)
        for branch in ("input", "hidden"):
            add_linear(self, f"{branch}_reduce", channels, dim)
            start = "zeros" if self.identity_start else None
            add_linear(self, f"{branch}_expand", dim, 4 * channels, start)
        axes = {self.channel_axis: channels}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def call(
        self, inputs: Tensor, initial_state: State | None = None
    ) -> Tensor | list[Tensor]:
        h, c = self._step(inputs, initial_state)
        y = self.scale(inputs, self._gates(h))
        return [y, h, c] if self.return_state else y

    def attention(
        self, inputs: Tensor, initial_state: State | None = None
    ) -> Tensor:
        """Returns the gates, `(batch, channels)`, in float32."""
        h, _ = self._step(self.receive(inputs), initial_state)
        return self._gates(h)

    def _gates(self, h: Tensor) -> Tensor:
        return 4.0 * h if self.identity_start else h

    def _step(
        self, inputs: Tensor, initial_state: State | None
    ) -> tuple[Tensor, Tensor]:
        """Returns the next state."""
        z = self.mean(inputs)
        if initial_state is None:
            h = c = ops.zeros_like(z)
        else:
            self._check_state(initial_state, inputs.shape)
            h, c = (
                ops.cast(ops.convert_to_tensor(state), z.dtype)
                for state in initial_state
            )
        z = linear(self, "input_reduce", z)
        h = linear(self, "hidden_reduce", h)
        hidden = ops.relu(ops.concatenate([z, h], axis=1))
        # `[z, h] @ [W1; W2]` is `z @ W1 + h @ W2`.
        kernel = ops.concatenate(
            [self.input_expand_kernel, self.hidden_expand_kernel], axis=0
        )
        bias = self.input_expand_bias + self.hidden_expand_bias
        gates = ops.matmul(hidden, ops.cast(kernel, hidden.dtype))
        gates = gates + ops.cast(bias, hidden.dtype)
        i, f, g, o = ops.split(gates, 4, axis=1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.sigmoid(c), c

    def _check_state(self, state: State, input_shape: Shape) -> None:
        channels = input_shape[self.channel_axis]
        is_pair = isinstance(state, (list, tuple)) and len(state) == 2
        shapes = [tuple(s.shape) for s in state] if is_pair else []
        if not is_pair or any(
            len(shape) != 2 or shape[1] != channels for shape in shapes
        ):
            received = f"shapes {shapes}" if is_pair else type(state).__name__
            raise ValueError(
                "`initial_state` must be a list of `h` and `c`, each of shape "
                f"(batch, {channels}). Received: initial_state={received}. "
                "Pass the state that a `DIA` with `return_state=True` returns "
                "after `y`."
            )

    def compute_output_shape(self, input_shape: Shape) -> Any:
        shape = super().compute_output_shape(input_shape)
        if not self.return_state:
            return shape
        state = (shape[0], shape[self.channel_axis])
        return [shape, state, state]

    def compute_output_spec(
        self, inputs: Tensor, initial_state: State | None = None
    ) -> Tensor | list[Tensor]:
        if initial_state is not None:
            self._check_state(initial_state, inputs.shape)
        shapes = self.compute_output_shape(inputs.shape)
        if not self.return_state:
            return keras.KerasTensor(shapes, self.compute_dtype)
        wide = keras.backend.result_type(self.compute_dtype, "float32")
        dtypes = self.compute_dtype, wide, wide
        return [
            keras.KerasTensor(shape, dtype)
            for shape, dtype in zip(shapes, dtypes, strict=True)
        ]

    @property
    def torch_names(self) -> tuple[Names, ...]:
        return (
            _names("input", "hidden"),
            _names("w_ih.0.seq", "w_hh.0.seq"),  # the published code
        )

    def get_config(self) -> dict[str, Any]:
        config = {
            "ratio": self.ratio,
            "return_state": self.return_state,
            "identity_start": self.identity_start,
        }
        return {**super().get_config(), **config}


def _names(inputs: str, hidden: str) -> Names:
    """Returns the names in PyTorch, given those of the two branches."""
    return {
        f"{prefix}.{index}.{name}": (f"{branch}_{part}_{attribute}", layout)
        for branch, prefix in (("input", inputs), ("hidden", hidden))
        for index, part in ((0, "reduce"), (2, "expand"))
        for name, attribute, layout in (
            ("weight", "kernel", "linear"),
            ("bias", "bias", "same"),
        )
    }
