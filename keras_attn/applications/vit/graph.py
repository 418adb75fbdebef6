"""The graph of a Vision Transformer, in both of its forms."""

import dataclasses
import itertools

import keras

from keras_attn.applications.common import arguments
from keras_attn.layers.multi_head_self_attention import MultiHeadSelfAttention
from keras_attn.layers.parts.class_token import ClassToken
from keras_attn.layers.parts.conv2d import Conv2D
from keras_attn.layers.parts.dense import Dense
from keras_attn.layers.parts.gelu import gelu, gelu_tanh
from keras_attn.layers.parts.initializers import FanInUniform, Normal
from keras_attn.layers.parts.layer_normalization import LayerNormalization
from keras_attn.layers.parts.position_embedding import PositionEmbedding

# What a form stands for, where an argument is `None`.
_FORMS = {
    "google": {
        "qkv_bias": True,
        "epsilon": 1e-6,
        "norm_after_pooling": False,
    },
    "lucidrains": {
        "qkv_bias": False,
        "epsilon": 1e-5,
        "norm_after_pooling": True,
    },
}
POOLINGS = ("cls", "mean")


@dataclasses.dataclass(frozen=True)
class Options:
    """All that a Vision Transformer is made of; see `vit.ViT`."""

    patch_size: int | tuple[int, int]
    hidden_dim: int
    num_layers: int
    num_heads: int
    mlp_dim: int
    head_dim: int | None = None
    token_pooling: str = "cls"
    form: str = "google"
    class_token: bool | None = None
    qkv_bias: bool | None = None
    epsilon: float | None = None
    norm_after_pooling: bool | None = None
    approximate_gelu: bool = False
    dropout: float = 0.0
    embedding_dropout: float | None = None
    attention_dropout: float = 0.0
    seed: int | None = None

    def __post_init__(self):
        for name in ("hidden_dim", "num_layers", "num_heads", "mlp_dim"):
            _check_positive(name, getattr(self, name))
        if self.head_dim is not None:
            _check_positive("head_dim", self.head_dim)
        elif self.hidden_dim % self.num_heads:
            raise ValueError(
                "`hidden_dim` must be a multiple of `num_heads`, or `head_dim` "
                f"be given. Received: hidden_dim={self.hidden_dim}, "
                f"num_heads={self.num_heads}"
            )
        sizes = self.patch_size
        sizes = (sizes, sizes) if isinstance(sizes, int) else sizes
        if not isinstance(sizes, (list, tuple)) or len(sizes) != 2:
            raise ValueError(
                "`patch_size` must be a positive integer or a pair of them. "
                f"Received: patch_size={self.patch_size!r}"
            )
        for size in sizes:
            _check_positive("patch_size", size)
        self._set("patch_size", tuple(sizes))
        _check_one_of("token_pooling", self.token_pooling, POOLINGS)
        _check_one_of("form", self.form, tuple(_FORMS))
        if self.embedding_dropout is None:
            self._set("embedding_dropout", self.dropout)
        for name in ("dropout", "embedding_dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be in [0, 1). "
                    f"Received: {name}={getattr(self, name)!r}"
                )
        for name, value in _FORMS[self.form].items():
            if getattr(self, name) is None:
                self._set(name, value)
        if self.class_token is None:
            needed = self.token_pooling == "cls" or self.form == "lucidrains"
            self._set("class_token", needed)
        if self.token_pooling == "cls" and not self.class_token:
            raise ValueError(
                "`token_pooling='cls'` needs the class token. "
                "Received: class_token=False"
            )

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    @property
    def by_google(self):
        """Whether weights start as in Google's code, else as in PyTorch."""
        return self.form == "google"

    @property
    def projects(self):
        """Whether the heads are mixed; lucidrains leaves out the identity."""
        same = self.num_heads == 1 and self.head_dim in (None, self.hidden_dim)
        return self.by_google or not same


def build(input_tensor, input_shape, options, top, name, weights):
    """Returns the model; `top` are the arguments of the end, in their order."""
    include_top, pooling, classes, classifier_activation = top
    arguments.check_top(*top)
    arguments.check_weights(weights)
    input_tensor = arguments.image_input(
        input_tensor, input_shape, (224, 224, 3)
    )
    grid = _grid(input_tensor, options.patch_size)
    # One for each dropout, or all would drop the same places.
    seed = options.seed
    seeds = itertools.repeat(None) if seed is None else itertools.count(seed)

    x = _embed(input_tensor, grid, options, seeds)
    for i in range(1, options.num_layers + 1):
        x = _block(x, f"block{i}", options, seeds)
    if not options.norm_after_pooling:
        x = _norm(x, "norm", options)
    if include_top:
        x = _pool(x, options)
        if options.norm_after_pooling:
            x = _norm(x, "norm", options)
        x = Dense(
            classes,
            name="classifier",
            **_initializers(x.shape[-1], options, head=True),
        )(x)
        # float32, so that probabilities sum to 1 in mixed precision.
        x = keras.layers.Activation(
            classifier_activation, dtype="float32", name="predictions"
        )(x)
    elif pooling == "avg":
        x = _mean(x, "avg_pool")
    elif pooling == "max":
        x = keras.layers.GlobalMaxPooling1D("channels_last", name="max_pool")(x)
    return arguments.finish(input_tensor, x, name, weights)


def _grid(image, patch):
    """Returns rows and columns of the patches."""
    first = keras.config.image_data_format() == "channels_first"
    size = tuple(image.shape[2:] if first else image.shape[1:3])
    if None in size or any(
        side % each for side, each in zip(size, patch, strict=True)
    ):
        raise ValueError(
            f"Height and width must be multiples of the patches' {patch}. "
            f"Received: {size}"
        )
    return tuple(side // each for side, each in zip(size, patch, strict=True))


def _embed(image, grid, options, seeds):
    """Returns the tokens of the patches, and of the class."""
    first = keras.config.image_data_format() == "channels_first"
    channels = image.shape[1] if first else image.shape[3]
    inputs = channels * options.patch_size[0] * options.patch_size[1]
    x = Conv2D(
        options.hidden_dim,
        options.patch_size,
        options.patch_size,
        name="patch_embedding",
        **_initializers(inputs, options),
    )(image)
    count = grid[0] * grid[1]
    if first:
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


def _block(x, name, options, seeds):
    """Returns `x + mlp(norm(x))` of `x + attention(norm(x))`."""
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


def _pool(x, options):
    if options.token_pooling == "cls":
        # Not an index: not all exporters know it, nor does it save as it is.
        rest = x.shape[1] - 1
        x = keras.layers.Cropping1D((0, rest), name="pool")(x)
        return keras.layers.Reshape((options.hidden_dim,), name="pooled")(x)
    return _mean(x, "pool")


def _mean(x, name):
    # Tokens have their numbers last, wherever images have their channels.
    return keras.layers.GlobalAveragePooling1D("channels_last", name=name)(x)


def _norm(x, name, options):
    return LayerNormalization(options.epsilon, name=name)(x)


def _drop(x, rate, name, seeds):
    if not rate:
        return x
    return keras.layers.Dropout(rate, seed=next(seeds), name=name)(x)


def _initializers(inputs, options, mlp=False, head=False):
    """Returns what the kernel and the bias of a linear layer start from."""
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


def _check_positive(name, value):
    if type(value) is not int or value < 1:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}"
        )


def _check_one_of(name, value, known):
    if value not in known:
        raise ValueError(
            f"`{name}` must be one of {known}. Received: {name}={value!r}"
        )
