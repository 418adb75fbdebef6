"""Options of a Vision Transformer."""

import dataclasses
from typing import Any

from keras_attn import checks

ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu", "relu", "silu")
# The values besides booleans.
_TEXTS = {"qkv_bias": "query_value", "gated_mlp": "separate"}
POOLINGS = ("cls", "mean", "patches", "attention")

# The values of a form for arguments that are `None`.
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


@dataclasses.dataclass(frozen=True)
class Options:
    """All options of a Vision Transformer; see `ViT`."""

    # `Any` if the type before the checks differs from the type after them.
    patch_size: Any
    hidden_dim: int
    num_layers: int
    num_heads: int
    mlp_dim: int
    head_dim: int | None = None
    token_pooling: str = "cls"
    form: str = "google"
    class_token: Any = None
    qkv_bias: bool | str | None = None
    epsilon: Any = None
    norm_after_pooling: bool | None = None
    activation: str = "gelu"
    gated_mlp: bool | str = False
    layer_scale: Any = None
    register_tokens: int = 0
    class_position: bool = True
    pre_norm: bool = False
    patch_bias: bool = True
    qk_norm: bool = False
    final_norm: bool = True
    distilled: bool = False
    position: str = "learned"
    normalization: str = "layer"
    inner_norm: bool = False
    patch_norm: bool = False
    use_bias: bool = True
    dropout: float = 0.0
    embedding_dropout: float | None = None
    attention_dropout: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in ("hidden_dim", "num_layers", "num_heads", "mlp_dim"):
            self._set(name, checks.positive(name, getattr(self, name)))
        for name, least in {"head_dim": 1, "seed": 0}.items():
            value = getattr(self, name)
            self._set(name, checks.integer(name, value, least, optional=True))
        count = checks.integer("register_tokens", self.register_tokens, 0)
        self._set("register_tokens", count)
        if self.head_dim is None and self.hidden_dim % self.num_heads:
            raise ValueError(
                "`hidden_dim` must be a multiple of `num_heads`, or `head_dim` "
                f"must be given. Received: hidden_dim={self.hidden_dim}, "
                f"num_heads={self.num_heads}"
            )
        self._set("patch_size", checks.pair("patch_size", self.patch_size))
        checks.one_of("token_pooling", self.token_pooling, POOLINGS)
        checks.one_of("form", self.form, _FORMS)
        for name, allowed in _TEXTS.items():
            if not isinstance(getattr(self, name), bool | None):
                checks.one_of(name, getattr(self, name), (allowed,))
        checks.one_of("normalization", self.normalization, ("layer", "rms"))
        checks.one_of("position", self.position, ("learned", "rotary"))
        checks.one_of("activation", self.activation, ACTIVATIONS)
        checks.number("epsilon", self.epsilon, least=0, optional=True)
        checks.number("layer_scale", self.layer_scale, least=0, optional=True)
        if self.embedding_dropout is None:
            self._set("embedding_dropout", self.dropout)
        for name in ("dropout", "embedding_dropout", "attention_dropout"):
            self._set(name, checks.share(name, getattr(self, name)))
        for name, value in _FORMS[self.form].items():
            if getattr(self, name) is None:
                self._set(name, value)
        if self.class_token is None:
            needed = self.token_pooling == "cls" or self.form == "lucidrains"
            self._set("class_token", needed)
        if self.token_pooling == "cls" and not self.class_token:
            raise ValueError(
                "`token_pooling='cls'` requires a class token. "
                "Received: class_token=False"
            )
        self._check_pooling()

    def _check_pooling(self) -> None:
        """Checks arguments that depend on each other."""
        if (
            self.token_pooling == "attention"
            and self.hidden_dim % self.num_heads
        ):
            raise ValueError(
                "`token_pooling='attention'` requires that `hidden_dim` is a "
                "multiple of `num_heads`. Received: "
                f"hidden_dim={self.hidden_dim}, num_heads={self.num_heads}"
            )
        if self.normalization == "rms" and (self.qk_norm or self.inner_norm):
            raise ValueError(
                "`normalization='rms'` requires `qk_norm=False` and "
                f"`inner_norm=False`. Received: qk_norm={self.qk_norm}, "
                f"inner_norm={self.inner_norm}"
            )
        if not self.distilled:
            return
        wrong = {
            "token_pooling": self.token_pooling != "cls",
            "register_tokens": self.register_tokens > 0,
            "norm_after_pooling": self.norm_after_pooling,
        }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            raise ValueError(
                "`distilled=True` requires `token_pooling='cls'`, "
                "`register_tokens=0` and `norm_after_pooling=False`. "
                f"Received: {name}={getattr(self, name)!r}"
            )

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def prefix_tokens(self) -> int:
        """The number of tokens before those of the patches."""
        special = int(self.class_token) + int(self.distilled)
        return special + self.register_tokens

    @property
    def by_google(self) -> bool:
        """Whether to initialise as in Google's code instead of PyTorch."""
        return self.form == "google"

    @property
    def projects(self) -> bool:
        """Whether attention has an output projection.

        lucidrains omits it for a single head of the size of a token.
        """
        same = self.num_heads == 1 and self.head_dim in (None, self.hidden_dim)
        return self.by_google or not same
