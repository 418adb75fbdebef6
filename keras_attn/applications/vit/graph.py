"""The graph of a Vision Transformer, in both forms."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.common.images import channel_axis, size_of
from keras_attn.applications.vit.options import Options
from keras_attn.layers.multi_head_self_attention import MultiHeadSelfAttention
from keras_attn.layers.parts.class_token import ClassToken
from keras_attn.layers.parts.conv2d import Conv2D
from keras_attn.layers.parts.dense import Dense
from keras_attn.layers.parts.gelu import gelu, gelu_tanh
from keras_attn.layers.parts.initializers import FanInUniform, Normal
from keras_attn.layers.parts.layer_normalization import LayerNormalization
from keras_attn.layers.parts.position_embedding import PositionEmbedding

Seeds = Iterator[int | None]


def build(
    input_tensor: Any,
    input_shape: arguments.InputShape,
    options: Options,
    top: arguments.Top,
    name: str,
    weights: arguments.Weights,
) -> keras.Model:
    """Builds the model from checked arguments."""
    arguments.check_weights(weights)
    input_tensor = arguments.image_input(
        input_tensor, input_shape, (224, 224, 3)
    )
    grid = _grid(input_tensor, options.patch_size)
    seeds = blocks.seeds_from(options.seed)
    x = _embed(input_tensor, grid, options, seeds)
    for i in range(1, options.num_layers + 1):
        x = _block(x, f"block{i}", options, seeds)
    if not options.norm_after_pooling:
        x = _norm(x, "norm", options)
    if top.include_top:
        x = _pool(x, options)
        if options.norm_after_pooling:
            x = _norm(x, "norm", options)
        x = Dense(
            top.classes,
            name="classifier",
            **_initializers(x.shape[-1], options, head=True),
        )(x)
        x = blocks.activate(x, top.classifier_activation)
    elif top.pooling == "avg":
        x = _mean(x, "avg_pool")
    elif top.pooling == "max":
        x = keras.layers.GlobalMaxPooling1D("channels_last", name="max_pool")(x)
    return arguments.finish(input_tensor, x, name, weights)


def _grid(image: Any, patch: tuple[int, int]) -> tuple[int, int]:
    """Returns the number of rows and columns of patches."""
    size = size_of(image)
    if None in size or any(
        side % each for side, each in zip(size, patch, strict=True)
    ):
        raise ValueError(
            f"Height and width must be multiples of the patch size {patch}. "
            f"Received: {size}"
        )
    return tuple(side // each for side, each in zip(size, patch, strict=True))


def _embed(
    image: Any, grid: tuple[int, int], options: Options, seeds: Seeds
) -> Any:
    """Returns the tokens of the patches and the class token, if any."""
    axis = channel_axis()
    inputs = image.shape[axis] * options.patch_size[0] * options.patch_size[1]
    x = Conv2D(
        options.hidden_dim,
        options.patch_size,
        options.patch_size,
        name="patch_embedding",
        **_initializers(inputs, options),
    )(image)
    count = grid[0] * grid[1]
    if axis == 1:
        x = keras.layers.Reshape((options.hidden_dim, count), name="patches")(x)
        x = keras.layers.Permute((2, 1), name="tokens")(x)
    else:
        x = keras.layers.Reshape((count, options.hidden_dim), name="tokens")(x)
    if options.class_token:
        start = "zeros" if options.by_google else Normal(1.0)
        x = ClassToken(start, name="class_token")(x)
    x = PositionEmbedding(
        grid,
        before=int(options.class_token),
        initializer=Normal(0.02 if options.by_google else 1.0),
        name="position_embedding",
    )(x)
    return _drop(x, options.embedding_dropout, "embedding_dropout", seeds)


def _block(x: Any, name: str, options: Options, seeds: Seeds) -> Any:
    """Computes `y = x + attention(norm(x))`, then `y + mlp(norm(y))`."""
    size = options.head_dim or options.hidden_dim // options.num_heads
    inner = options.num_heads * size
    y = _norm(x, f"{name}_norm1", options)
    start = _initializers(options.hidden_dim, options)
    y = MultiHeadSelfAttention(
        options.num_heads,
        options.head_dim,
        qkv_bias=options.qkv_bias,
        project=options.projects,
        dropout=options.attention_dropout,
        kernel_initializer=start["kernel_initializer"],
        bias_initializer=None if options.by_google else FanInUniform(inner),
        seed=next(seeds),
        name=f"{name}_attention",
    )(y)
    y = _drop(y, options.dropout, f"{name}_attention_dropout", seeds)
    x = keras.layers.Add(name=f"{name}_attended")([x, y])
    y = _norm(x, f"{name}_norm2", options)
    y = Dense(
        options.mlp_dim,
        activation=gelu_tanh if options.approximate_gelu else gelu,
        name=f"{name}_mlp1",
        **_initializers(options.hidden_dim, options, mlp=True),
    )(y)
    y = _drop(y, options.dropout, f"{name}_mlp1_dropout", seeds)
    y = Dense(
        options.hidden_dim,
        name=f"{name}_mlp2",
        **_initializers(options.mlp_dim, options, mlp=True),
    )(y)
    y = _drop(y, options.dropout, f"{name}_mlp2_dropout", seeds)
    return keras.layers.Add(name=name)([x, y])


def _pool(x: Any, options: Options) -> Any:
    if options.token_pooling == "cls":
        # Indexing is not supported by all exporters, and cannot be saved.
        rest = x.shape[1] - 1
        x = keras.layers.Cropping1D((0, rest), name="pool")(x)
        return keras.layers.Reshape((options.hidden_dim,), name="pooled")(x)
    return _mean(x, "pool")


def _mean(x: Any, name: str) -> Any:
    # Tokens have their channels last in both data formats.
    return keras.layers.GlobalAveragePooling1D("channels_last", name=name)(x)


def _norm(x: Any, name: str, options: Options) -> Any:
    return LayerNormalization(options.epsilon, name=name)(x)


def _drop(x: Any, rate: float | None, name: str, seeds: Seeds) -> Any:
    if not rate:
        return x
    return keras.layers.Dropout(rate, seed=next(seeds), name=name)(x)


def _initializers(
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
