"""Vision Transformers, in the form of Google and timm or of lucidrains."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.common.images import normalized
from keras_attn.applications.pretrained.constructors import takes_names
from keras_attn.applications.vit import graph
from keras_attn.applications.vit.options import Options


def _form(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the arguments of a form mean, for `takes_names`."""
    return dataclasses.asdict(Options(**arguments))


@takes_names(_form)
def ViT(
    include_top: bool = True,
    weights: arguments.Weights = None,
    input_tensor: Any = None,
    input_shape: arguments.InputShape = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: arguments.Activation = "softmax",
    name: str = "vit",
    *,
    patch_size: int | tuple[int, int] = 16,
    hidden_dim: int = 768,
    num_layers: int = 12,
    num_heads: int = 12,
    mlp_dim: int = 3072,
    head_dim: int | None = None,
    token_pooling: str = "cls",
    form: str = "google",
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
    """Vision Transformer of any size.

    The image is split into patches, which a linear layer maps to tokens. A
    learned class token is prepended, and a learned position embedding is
    added to each token. `num_layers` blocks follow, whose last layers are
    named `block1` and so on. Each block computes
    `z = x + attention(norm(x))` and `y = z + mlp(norm(z))`, with
    `mlp(x) = W2 gelu(W1 x + b1) + b2`. The classifier is a linear layer on
    the class token, or on a pooling of other tokens. Further arguments
    select the forms of CLIP, SigLIP, DeiT III, DINOv2 and others.

    The attention layers are named `block1_attention` and so on.
    `keras_attn.explain.attention_maps` returns their scores, and
    `keras_attn.explain.AttentionRollout` combines them into one map.

    Reference: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021
    (https://arxiv.org/abs/2010.11929). `form` selects one of two common
    variants. `"google"` follows the paper's code, timm and torchvision. Its
    queries, keys and values have biases, epsilon is 1e-6, normalisation
    precedes the pooling, and the classifier is initialised with zeros.
    `"lucidrains"` is an older variant of the package vit-pytorch. It has no
    such biases, an epsilon of 1e-5, normalisation after the pooling, always a
    class token, and PyTorch's initial weights. Both use the exact GELU by
    default, as timm and torchvision do; the paper's code approximates it.

    Args:
        include_top: Whether to include the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file in Keras'
            format (`.weights.h5`, `.h5`, `.keras`) or of a checkpoint of timm,
            torchvision or lucidrains (`.safetensors`, `.pt`, `.pth`,
            `.pth.tar`, `.ckpt`, `.bin`, `.npz`). A checkpoint does not reveal
            the number of heads, the variant of GELU or the pooling. Position
            embeddings of another resolution are interpolated. The patches of a
            PyTorch checkpoint must then form a square. Or a name from
            `keras_attn.applications.pretrained()`, if the arguments describe
            its network, or `"imagenet"` for a fixed choice.
        input_tensor: Keras tensor to use as input, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`. Height and width must be
            multiples of the patch size; any number of channels is possible.
            Defaults to the size of the named weights, if any, and otherwise to
            `(224, 224, 3)`. See `preprocess_input` for the range of values.
        pooling: Without the top, `None` for all tokens
            `(batch, tokens, hidden_dim)`, or `"avg"` or `"max"` over the
            tokens for a vector.
        classes: Number of classes, or 0 for a model without a classifier. It
            then outputs the vector that a classifier would receive,
            `(batch, hidden_dim)`. Defaults to `1000`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"vit"`.
        patch_size: Side of a patch in pixels, or height and width. Defaults
            to `16`.
        hidden_dim: Size of a token. Defaults to `768`.
        num_layers: Number of blocks. Defaults to `12`.
        num_heads: Number of attention heads. Defaults to `12`.
        mlp_dim: Size of the hidden layer in each MLP. Defaults to `3072`.
        head_dim: Size of a head, or `None` for `hidden_dim / num_heads`.
            Defaults to `None`.
        token_pooling: The input of the classifier: `"cls"` for the class
            token, `"mean"` for the mean of all tokens, including those before
            the patches, `"patches"` for the mean of the patches, or
            `"attention"` for their pooling by attention and an MLP, as in
            SigLIP. Defaults to `"cls"`.
        form: `"google"` or `"lucidrains"`. It determines the next four
            arguments where they are `None`. Defaults to `"google"`.
        class_token: Whether to add a class token. By default, Google's form has
            one only with `"cls"`.
        qkv_bias: Whether queries, keys and values have a bias, or
            `"query_value"` for all but the keys.
        epsilon: Epsilon of the normalisations.
        norm_after_pooling: Whether the last normalisation follows the
            pooling, in which case only models with the top have it.
        activation: Activation of the MLPs: `"gelu"` for the exact GELU,
            `"gelu_tanh"` for its tanh approximation (Google's code, some
            SigLIP models), `"quick_gelu"` for `x sigmoid(1.702 x)` (OpenAI's
            CLIP), `"relu"` or `"silu"`. Defaults to `"gelu"`.
        gated_mlp: Whether the first layer of each MLP computes `2 mlp_dim`
            numbers, `a` and `b`, and the second takes `activation(a) b`. With
            `"silu"`, this is the SwiGLU of DINOv2's largest model.
            `"separate"` computes the same with two layers, as in DINOv3.
            Defaults to `False`.
        layer_scale: Initial value of a trained factor per channel at the end
            of each residual branch, as in DeiT III and DINOv2, or `None` for
            no such factors. Defaults to `None`.
        register_tokens: Number of trained tokens between the class token and
            the patches, as in DINOv2 with registers. Only
            `token_pooling="mean"` includes them. Defaults to `0`.
        class_position: Whether the position embedding covers the class token
            and all other tokens before the patches, and not only the patches.
            Defaults to `True`.
        pre_norm: Whether the tokens are normalised before the first block, as
            in CLIP. Defaults to `False`.
        patch_bias: Whether the linear layer on the patches has a bias. CLIP
            has none. Defaults to `True`.
        qk_norm: Whether queries and keys are normalised, see
            `keras_attn.layers.MultiHeadSelfAttention`. Defaults to `False`.
        final_norm: Whether there is a last normalisation. Defaults to `True`.
        distilled: Whether a distillation token with its own classifier follows
            the class token, as in DeiT. The output is computed from the mean of
            both classifiers. Defaults to `False`.
        position: `"learned"` for the position embedding. `"rotary"` rotates
            queries and keys by the positions of the patches instead, as in
            DINOv3. Defaults to `"learned"`.
        normalization: `"layer"`, or `"rms"` for a division by the root mean
            square, as in AIMv2. Defaults to `"layer"`.
        inner_norm: Whether each block also normalises before the last linear
            layers of its attention and MLP, as in BEiT-3. Defaults to `False`.
        patch_norm: Whether the embedded patches are normalised. Defaults to
            `False`.
        use_bias: Whether the linear layers in the blocks, except those of
            queries, keys and values, have a bias. Defaults to `True`.
        dropout: Dropout rate after attention and linear layers. Defaults to
            `0.0`.
        embedding_dropout: Dropout rate of the tokens before the first block,
            or `None` for the value of `dropout`. Defaults to `None`.
        attention_dropout: Dropout rate of the attention scores. Defaults to
            `0.0`.
        seed: Non-negative integer that seeds the dropout, or `None` to follow
            `keras.utils.set_random_seed`. Defaults to `None`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, classes)`, or features.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> model = keras_attn.applications.ViT(
    ...     input_shape=(32, 24, 1),
    ...     classes=10,
    ...     patch_size=8,
    ...     hidden_dim=24,
    ...     num_layers=2,
    ...     num_heads=3,
    ...     mlp_dim=48,
    ... )
    >>> maps = keras_attn.explain.attention_maps(
    ...     model, np.zeros((1, 32, 24, 1))
    ... )
    >>> {name: scores.shape for name, scores in maps.items()}
    {'block1_attention': (1, 3, 13, 13), 'block2_attention': (1, 3, 13, 13)}
    """
    top = arguments.Top(
        include_top, pooling, classes, classifier_activation, least_classes=0
    )
    options = Options(
        patch_size=patch_size,
        hidden_dim=hidden_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        mlp_dim=mlp_dim,
        head_dim=head_dim,
        token_pooling=token_pooling,
        form=form,
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
    return graph.build(input_tensor, input_shape, options, top, name, weights)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales images from [0, 255] to [-1, 1], as Google's weights expect.

    `y = x / 127.5 - 1`. For checkpoints of torchvision, use
    `keras_attn.applications.resnet.preprocess_input`.

    Args:
        x: NumPy array or tensor: an RGB image or a batch, in [0, 255].
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.

    Returns:
        The images in [-1, 1]; a new float32 array for NumPy input.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> x = np.array([0, 51, 255], "uint8").reshape(1, 1, 1, 3)
    >>> y = keras_attn.applications.vit.preprocess_input(x, "channels_last")
    >>> y[0, 0, 0].round(3).tolist()
    [-1.0, -0.6000000238418579, 1.0]
    """
    half = (0.5, 0.5, 0.5)
    return normalized(x, data_format, 255.0, half, half)
