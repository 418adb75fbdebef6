"""The graph of a Vision Transformer, in all its forms."""

from typing import Any

import keras

from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.common.images import channel_axis, size_of
from keras_attn.applications.vit.block import (
    Seeds,
    block,
    drop,
    initializers,
    norm,
)
from keras_attn.applications.vit.head import classified, mean
from keras_attn.applications.vit.options import Options
from keras_attn.layers.parts.class_token import ClassToken
from keras_attn.layers.parts.conv2d import Conv2D
from keras_attn.layers.parts.initializers import Normal
from keras_attn.layers.parts.position_embedding import PositionEmbedding


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
        x = block(x, f"block{i}", options, seeds, grid)
    if options.final_norm and not options.norm_after_pooling:
        x = norm(x, "norm", options)
    if top.include_top:
        x = classified(x, top.classes, options, seeds)
        if top.classes:
            x = blocks.activate(x, top.classifier_activation)
    elif top.pooling == "avg":
        x = mean(x, "avg_pool")
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
    """Returns the tokens of the patches, after the other tokens, if any."""
    x = _patches(image, grid, options)
    if options.patch_norm:
        x = norm(x, "patch_norm", options)
    if options.position == "rotary":
        x = _with_prefix(x, options)
    elif not options.class_position:
        x = _with_prefix(_with_positions(x, grid, 0, options), options)
    else:
        x = _with_prefix(x, options)
        x = _with_positions(x, grid, options.prefix_tokens, options)
    x = drop(x, options.embedding_dropout, "embedding_dropout", seeds)
    return norm(x, "pre_norm", options) if options.pre_norm else x


def _patches(image: Any, grid: tuple[int, int], options: Options) -> Any:
    """Returns the tokens of the patches."""
    axis = channel_axis()
    inputs = image.shape[axis] * options.patch_size[0] * options.patch_size[1]
    x = Conv2D(
        options.hidden_dim,
        options.patch_size,
        options.patch_size,
        use_bias=options.patch_bias,
        name="patch_embedding",
        **initializers(inputs, options),
    )(image)
    count = grid[0] * grid[1]
    if axis == 1:
        x = keras.layers.Reshape((options.hidden_dim, count), name="patches")(x)
        return keras.layers.Permute((2, 1), name="tokens")(x)
    return keras.layers.Reshape((count, options.hidden_dim), name="tokens")(x)


def _with_prefix(x: Any, options: Options) -> Any:
    """Prepends the class token and the distillation or register tokens."""
    # Equal initial values would keep the tokens of a kind equal in training.
    start = Normal(0.02 if options.by_google else 1.0)
    if options.register_tokens:
        count = options.register_tokens
        x = ClassToken(start.clone(), count, name="register_tokens")(x)
    if options.distilled:
        x = ClassToken(start.clone(), name="distillation_token")(x)
    if options.class_token:
        first = "zeros" if options.by_google else start
        x = ClassToken(first, name="class_token")(x)
    return x


def _with_positions(
    x: Any, grid: tuple[int, int], before: int, options: Options
) -> Any:
    """Adds the position embedding."""
    return PositionEmbedding(
        grid,
        before=before,
        initializer=Normal(0.02 if options.by_google else 1.0),
        name="position_embedding",
    )(x)
