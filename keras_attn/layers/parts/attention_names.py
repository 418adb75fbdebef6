"""PyTorch names of the weights of self-attention."""


def _named(*names: str) -> dict[str, tuple[str, str]]:
    """Returns a table of the names of both linear layers."""
    kinds = {"kernel": "linear", "bias": "same"}
    variables = [
        (f"{layer}.{kind}", kinds[kind])
        for layer in ("qkv", "projection")
        for kind in kinds
    ]
    return dict(zip(names, variables, strict=True))


# The names in timm, lucidrains' code and torchvision.
TABLES = (
    {
        **_named("qkv.weight", "qkv.bias", "proj.weight", "proj.bias"),
        "q_bias": ("query_bias", "same"),
        "v_bias": ("value_bias", "same"),
        "q_norm.weight": ("query_norm.gamma", "same"),
        "q_norm.bias": ("query_norm.beta", "same"),
        "k_norm.weight": ("key_norm.gamma", "same"),
        "k_norm.bias": ("key_norm.beta", "same"),
        "norm.weight": ("projection_norm.gamma", "same"),
        "norm.bias": ("projection_norm.beta", "same"),
    },
    _named("to_qkv.weight", "to_qkv.bias", "to_out.0.weight", "to_out.0.bias"),
    _named(
        "in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"
    ),
)
