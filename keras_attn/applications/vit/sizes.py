"""Vision Transformers of named sizes."""

from typing import Any

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.common.sizes import sized
from keras_attn.applications.vit.model import ViT

_DOCUMENTATION = """Vision Transformer {title}/{patch}.

    The model has {layers} blocks with {heads} heads, patches of
    {patch} x {patch} pixels, tokens of size {hidden} and an MLP size of
    {mlp}. With default arguments, it has {parameters:,} parameters, and
    `weights="imagenet"` is `"{imagenet}"`.

    Reference: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021
    (https://arxiv.org/abs/2010.11929), table 1, and for the smaller sizes
    Steiner et al., "How to train your ViT?" (https://arxiv.org/abs/2106.10270),
    table 2. The form is `"google"`, see `ViT`.

    Args:
        include_top: As for `ViT`. Defaults to `True`.
        weights: `None`, a name or the path of a file, as for `ViT`.
        input_tensor: Keras tensor to use as input, or `None`.
        input_shape: Shape of an image, with height and width multiples of
            {patch}. Defaults to `(224, 224, 3)`. See `preprocess_input` for
            the range of values.
        pooling: Without the top, `None` for all tokens, or `"avg"` or
            `"max"`.
        classes: As for `ViT`. Defaults to `1000`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"{name}"`.
        token_pooling: As for `ViT`. Defaults to `"cls"`.
        class_token: As for `ViT`. Defaults to `None`.
        qkv_bias: As for `ViT`. Defaults to `None`.
        epsilon: As for `ViT`. Defaults to `None`.
        norm_after_pooling: As for `ViT`. Defaults to `None`.
        activation: As for `ViT`. Defaults to `"gelu"`.
        gated_mlp: As for `ViT`. Defaults to `False`.
        layer_scale: As for `ViT`. Defaults to `None`.
        register_tokens: As for `ViT`. Defaults to `0`.
        class_position: As for `ViT`. Defaults to `True`.
        pre_norm: As for `ViT`. Defaults to `False`.
        patch_bias: As for `ViT`. Defaults to `True`.
        qk_norm: As for `ViT`. Defaults to `False`.
        final_norm: As for `ViT`. Defaults to `True`.
        distilled: As for `ViT`. Defaults to `False`.
        position: As for `ViT`. Defaults to `"learned"`.
        normalization: As for `ViT`. Defaults to `"layer"`.
        inner_norm: As for `ViT`. Defaults to `False`.
        patch_norm: As for `ViT`. Defaults to `False`.
        use_bias: As for `ViT`. Defaults to `True`.
        dropout: As for `ViT`. Defaults to `0.0`.
        embedding_dropout: As for `ViT`. Defaults to `None`.
        attention_dropout: As for `ViT`. Defaults to `0.0`.
        seed: Non-negative integer that seeds the dropout, or `None` to follow
            `keras.utils.set_random_seed`. Defaults to `None`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, classes)`, or features.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> model = keras_attn.applications.{function}(
    ...     input_shape=({side}, {side}, 3), include_top=False
    ... )
    >>> tuple(model.output.shape)
    (None, 5, {hidden})
    """


def _vit(
    title: str,
    patch: int,
    *,
    hidden_dim: int,
    num_heads: int,
    num_layers: int = 12,
    parameters: int,
    tag: str = "augreg_in21k_ft_in1k",
):
    """Returns the function that creates a ViT of one size."""
    mlp_dim = 4 * hidden_dim
    function_name = f"ViT{title}{patch}"
    model_name = f"vit_{title.lower()}{patch}"

    @sized(
        function_name,
        _DOCUMENTATION,
        title=title,
        patch=patch,
        layers=num_layers,
        heads=num_heads,
        hidden=hidden_dim,
        mlp=mlp_dim,
        parameters=parameters,
        imagenet=f"timm/vit_{title.lower()}_patch{patch}_224.{tag}",
        name=model_name,
        side=2 * patch,
    )
    def function(
        include_top: bool = True,
        weights: arguments.Weights = None,
        input_tensor: Any = None,
        input_shape: arguments.InputShape = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: arguments.Activation = "softmax",
        name: str = model_name,
        *,
        token_pooling: str = "cls",
        class_token: bool | None = None,
        qkv_bias: bool | str | None = None,
        epsilon: float | None = None,
        norm_after_pooling: bool | None = None,
        activation: str = "gelu",
        gated_mlp: bool | str = False,
        layer_scale: float | None = None,
        register_tokens: int = 0,
        class_position: bool = True,
        pre_norm: bool = False,
        patch_bias: bool = True,
        qk_norm: bool = False,
        final_norm: bool = True,
        distilled: bool = False,
        position: str = "learned",
        normalization: str = "layer",
        inner_norm: bool = False,
        patch_norm: bool = False,
        use_bias: bool = True,
        dropout: float = 0.0,
        embedding_dropout: float | None = None,
        attention_dropout: float = 0.0,
        seed: int | None = None,
    ) -> keras.Model:
        return ViT(
            include_top,
            weights,
            input_tensor,
            input_shape,
            pooling,
            classes,
            classifier_activation,
            name,
            patch_size=patch,
            hidden_dim=hidden_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            mlp_dim=mlp_dim,
            token_pooling=token_pooling,
            class_token=class_token,
            qkv_bias=qkv_bias,
            epsilon=epsilon,
            norm_after_pooling=norm_after_pooling,
            activation=activation,
            gated_mlp=gated_mlp,
            layer_scale=layer_scale,
            register_tokens=register_tokens,
            class_position=class_position,
            pre_norm=pre_norm,
            patch_bias=patch_bias,
            qk_norm=qk_norm,
            final_norm=final_norm,
            distilled=distilled,
            position=position,
            normalization=normalization,
            inner_norm=inner_norm,
            patch_norm=patch_norm,
            use_bias=use_bias,
            dropout=dropout,
            embedding_dropout=embedding_dropout,
            attention_dropout=attention_dropout,
            seed=seed,
        )

    return function


ViTTiny16 = _vit("Tiny", 16, hidden_dim=192, num_heads=3, parameters=5_717_416)
ViTSmall16 = _vit(
    "Small", 16, hidden_dim=384, num_heads=6, parameters=22_050_664
)
ViTBase16 = _vit(
    "Base",
    16,
    hidden_dim=768,
    num_heads=12,
    parameters=86_567_656,
    tag="augreg2_in21k_ft_in1k",
)
ViTBase32 = _vit(
    "Base", 32, hidden_dim=768, num_heads=12, parameters=88_224_232
)
ViTLarge16 = _vit(
    "Large",
    16,
    hidden_dim=1024,
    num_heads=16,
    num_layers=24,
    parameters=304_326_632,
)
