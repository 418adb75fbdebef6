"""The classifier of a Vision Transformer, and what it classifies."""

from typing import Any

import keras

from keras_attn.applications.vit.block import Seeds, initializers, mlp, norm
from keras_attn.applications.vit.options import Options
from keras_attn.layers.parts.attention_pooling import AttentionPooling
from keras_attn.layers.parts.dense import Dense


def classified(x: Any, classes: int, options: Options, seeds: Seeds) -> Any:
    """Returns the logits of tokens, or their pooled vector for no classes."""
    y = _pool(x, options, seeds)
    if options.final_norm and options.norm_after_pooling:
        y = norm(y, "norm", options)
    y = _classify(y, classes, "classifier", options)
    if not options.distilled:
        return y
    z = _token(x, 1, "distillation_", options)
    z = _classify(z, classes, "distillation_classifier", options)
    return keras.layers.Average(name="mean_output")([y, z])


def mean(x: Any, name: str) -> Any:
    """Returns the mean of tokens."""
    # Tokens have their channels last in both data formats.
    return keras.layers.GlobalAveragePooling1D("channels_last", name=name)(x)


def _pool(x: Any, options: Options, seeds: Seeds) -> Any:
    """Returns the vector that the classifier takes."""
    if options.token_pooling == "cls":
        return _token(x, 0, "", options)
    if options.token_pooling != "mean" and options.prefix_tokens:
        before = options.prefix_tokens, 0
        x = keras.layers.Cropping1D(before, name="patch_tokens")(x)
    if options.token_pooling != "attention":
        return mean(x, "pool")
    x = AttentionPooling(options.num_heads, name="pool")(x)
    y = norm(x, "pool_norm", options)
    y = mlp(y, "pool", options, seeds)
    return keras.layers.Add(name="pooled")([x, y])


def _token(x: Any, index: int, prefix: str, options: Options) -> Any:
    """Returns one token."""
    # Indexing is not supported by all exporters, and cannot be saved.
    crop = index, x.shape[1] - index - 1
    x = keras.layers.Cropping1D(crop, name=f"{prefix}pool")(x)
    return keras.layers.Reshape((options.hidden_dim,), name=f"{prefix}pooled")(
        x
    )


def _classify(x: Any, classes: int, name: str, options: Options) -> Any:
    if not classes:
        return x
    start = initializers(x.shape[-1], options, head=True)
    return Dense(classes, name=name, **start)(x)
