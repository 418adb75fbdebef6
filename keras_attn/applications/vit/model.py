"""Vision Transformers, in the form of Google and timm, or of lucidrains."""

from typing import Any

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.common.images import normalized
from keras_attn.applications.vit import graph
from keras_attn.applications.vit.options import Options


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
    qkv_bias: bool | None = None,
    epsilon: float | None = None,
    norm_after_pooling: bool | None = None,
    approximate_gelu: bool = False,
    dropout: float = 0.0,
    embedding_dropout: float | None = None,
    attention_dropout: float = 0.0,
    seed: int | None = None,
) -> keras.Model:
    """Vision Transformer of any size.

    The image is cut into patches, each of which a linear layer makes a token
    of; a trained class token comes before them, and a trained embedding of its
    place is added to each. Then `num_layers` blocks, named `block1` and so on
    by their ends, `z = x + attention(norm(x))`, `y = z + mlp(norm(z))` with
    `mlp(x) = W2 gelu(W1 x + b1) + b2`, and a linear layer of the class token,
    or of the mean of all tokens. The attention layers are called
    `block1_attention` and so on; `keras_attn.explain.attention_maps` returns
    the scores of all, `keras_attn.explain.AttentionRollout` what they come to.

    Reference: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021
    (https://arxiv.org/abs/2010.11929). Two forms are in use, and `form` stands
    for their differences. `"google"` is that of the paper's code, as timm and
    torchvision have it: biases of queries, keys and values, an epsilon of
    1e-6, a normalisation before the pooling, and a classifier that starts at
    zero. `"lucidrains"` is an older one of the package vit-pytorch: no such
    biases, 1e-5, the normalisation after the pooling, always a class token,
    and PyTorch's initial weights. GELU is exact in both, as in timm and
    torchvision; the paper's own code approximates it.

    Args:
        include_top: Whether to end in the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file: Keras'
            (`.weights.h5`, `.h5`, `.keras`) or a checkpoint of timm,
            torchvision or lucidrains (`.safetensors`, `.pt`, `.pth`,
            `.pth.tar`, `.ckpt`, `.bin`, `.npz`), which does not tell the
            number of heads, the kind of GELU or the pooling. Position
            embeddings of another resolution are interpolated; of a
            PyTorch checkpoint, whose patches must form a square.
        input_tensor: Keras tensor to start from, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`, multiples of the patches high
            and wide, of any number of channels. Defaults to `(224, 224, 3)`.
            See `preprocess_input` for its values.
        pooling: Without top: `None` for all tokens, `(batch, tokens,
            hidden_dim)`; `"avg"` or `"max"` over them for a vector.
        classes: Number of classes. Defaults to `1000`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"vit"`.
        patch_size: Pixels of a side of a patch, or height and width. Defaults
            to `16`.
        hidden_dim: Numbers of a token. Defaults to `768`.
        num_layers: Blocks. Defaults to `12`.
        num_heads: Heads of each attention. Defaults to `12`.
        mlp_dim: Numbers between the linear layers of a block. Defaults to
            `3072`.
        head_dim: Numbers of a head; `None` for `hidden_dim / num_heads`.
        token_pooling: What the classifier sees: `"cls"`, the class token, or
            `"mean"`, that of all tokens, the class token too if there is one.
            Defaults to `"cls"`.
        form: `"google"` or `"lucidrains"`: what stands for the `None` of the
            next four. Defaults to `"google"`.
        class_token: Whether there is one. Google's form has none with
            `"mean"`.
        qkv_bias: Whether queries, keys and values have a bias.
        epsilon: Of the normalisations.
        norm_after_pooling: Whether the last normalisation comes after the
            pooling, and then only with the top.
        approximate_gelu: Whether GELU is computed by a tanh. Defaults to
            `False`.
        dropout: Share of what attention and linear layers put out that is set
            to 0 in training. Defaults to `0.0`.
        embedding_dropout: The same of the tokens before the first block;
            `None` for `dropout`.
        attention_dropout: The same of the scores. Defaults to `0.0`.
        seed: Integer from 0, of dropout; `None` to follow
            `keras.utils.set_random_seed`.

    Returns:
        A functional `keras.Model`: class probabilities `(batch, classes)`, or
        features.

    Raises:
        ValueError: For any argument outside of the above.

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
    top = arguments.Top(include_top, pooling, classes, classifier_activation)
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
        approximate_gelu=approximate_gelu,
        dropout=dropout,
        embedding_dropout=embedding_dropout,
        attention_dropout=attention_dropout,
        seed=seed,
    )
    return graph.build(input_tensor, input_shape, options, top, name, weights)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Brings colours from [0, 255] to [-1, 1], as Google's weights want them.

    `y = x / 127.5 - 1`. Checkpoints of torchvision want those of
    `keras_attn.applications.resnet.preprocess_input`.

    Args:
        x: NumPy array or tensor: an RGB image or a batch, in [0, 255].
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.

    Returns:
        The images in [-1, 1]; a new float32 array for NumPy input.

    Raises:
        ValueError: If an argument is none of these.

    Example:

    >>> x = np.array([0, 51, 255], "uint8").reshape(1, 1, 1, 3)
    >>> y = keras_attn.applications.vit.preprocess_input(x, "channels_last")
    >>> y[0, 0, 0].round(3).tolist()
    [-1.0, -0.6000000238418579, 1.0]
    """
    half = (0.5, 0.5, 0.5)
    return normalized(x, data_format, 255.0, half, half)
