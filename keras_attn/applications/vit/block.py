"""A block of a Vision Transformer, and its parts."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_attn.applications.vit.options import Options
from keras_attn.layers.layer_scale import LayerScale
from keras_attn.layers.multi_head_self_attention import MultiHeadSelfAttention
from keras_attn.layers.parts.dense import Dense
from keras_attn.layers.parts.gated_activation import GatedActivation
from keras_attn.layers.parts.gelu import gelu, gelu_tanh, quick_gelu
from keras_attn.layers.parts.initializers import FanInUniform, Normal
from keras_attn.layers.parts.layer_normalization import LayerNormalization
from keras_attn.layers.parts.rms_normalization import RMSNormalization

Seeds = Iterator[int | None]

# Keras' own GELU cannot be exported everywhere.
_GELUS = {"gelu": gelu, "gelu_tanh": gelu_tanh, "quick_gelu": quick_gelu}


def block(
    x: Any, name: str, options: Options, seeds: Seeds, grid: tuple[int, int]
) -> Any:
    """Computes `y = x + attention(norm(x))`, then `y + mlp(norm(y))`."""
    size = options.head_dim or options.hidden_dim // options.num_heads
    inner = options.num_heads * size
    y = norm(x, f"{name}_norm1", options)
    start = initializers(options.hidden_dim, options)
    y = MultiHeadSelfAttention(
        options.num_heads,
        options.head_dim,
        qkv_bias=options.qkv_bias,
        project=options.projects,
        dropout=options.attention_dropout,
        kernel_initializer=start["kernel_initializer"],
        bias_initializer=None if options.by_google else FanInUniform(inner),
        seed=next(seeds),
        qk_norm=options.qk_norm,
        epsilon=options.epsilon,
        rotary_grid=grid if options.position == "rotary" else None,
        mixed_norm=options.inner_norm,
        project_bias=options.use_bias,
        name=f"{name}_attention",
    )(y)
    y = drop(y, options.dropout, f"{name}_attention_dropout", seeds)
    y = _scale(y, f"{name}_scale1", options)
    x = keras.layers.Add(name=f"{name}_attended")([x, y])
    y = norm(x, f"{name}_norm2", options)
    y = mlp(y, name, options, seeds, options.gated_mlp, options.use_bias)
    y = _scale(y, f"{name}_scale2", options)
    return keras.layers.Add(name=name)([x, y])


def mlp(
    x: Any,
    name: str,
    options: Options,
    seeds: Seeds,
    gated: bool | str = False,
    use_bias: bool = True,
) -> Any:
    """Applies two linear layers with an activation or a gate in between."""

    def linear(x: Any, units: int, name: str, activation: Any = None) -> Any:
        start = initializers(x.shape[-1], options, mlp=True)
        return Dense(units, activation, use_bias=use_bias, name=name, **start)(
            x
        )

    function = _GELUS.get(options.activation, options.activation)
    if gated is True:
        y = linear(x, 2 * options.mlp_dim, f"{name}_mlp1")
        y = GatedActivation(function, name=f"{name}_gate")(y)
    else:
        y = linear(x, options.mlp_dim, f"{name}_mlp1", function)
    if gated == "separate":
        z = linear(x, options.mlp_dim, f"{name}_value")
        y = keras.layers.Multiply(name=f"{name}_gate")([y, z])
    y = drop(y, options.dropout, f"{name}_mlp1_dropout", seeds)
    if options.inner_norm and name.startswith("block"):
        y = norm(y, f"{name}_mlp_norm", options)
    y = linear(y, options.hidden_dim, f"{name}_mlp2")
    return drop(y, options.dropout, f"{name}_mlp2_dropout", seeds)


def norm(x: Any, name: str, options: Options) -> Any:
    """Normalises tokens."""
    rms = options.normalization == "rms"
    kind = RMSNormalization if rms else LayerNormalization
    return kind(options.epsilon, name=name)(x)


def drop(x: Any, rate: float | None, name: str, seeds: Seeds) -> Any:
    """Applies dropout, if there is any."""
    if not rate:
        return x
    return keras.layers.Dropout(rate, seed=next(seeds), name=name)(x)


def _scale(x: Any, name: str, options: Options) -> Any:
    if options.layer_scale is None:
        return x
    return LayerScale(options.layer_scale, name=name)(x)


def initializers(
    inputs: int, options: Options, mlp: bool = False, head: bool = False
) -> dict[str, Any]:
    """Returns the initializers of a linear layer."""
    if not options.by_google:
        uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
        return {
            "kernel_initializer": uniform,
            "bias_initializer": FanInUniform(inputs),
        }
    return {
        "kernel_initializer": "zeros" if head else "glorot_uniform",
        "bias_initializer": Normal(1e-6) if mlp else "zeros",
    }
