"""What the weights of a Vision Transformer are called in PyTorch."""

from math import isqrt

import numpy as np

from keras_attn.layers.position_embedding import interpolated
from keras_attn.weights import register_names
from keras_attn.weights.layouts import Layout

# A linear layer of the pixels of a patch, `(out, rows * columns * channels)`,
# to the convolution that does the same.
_PATCHES = Layout(
    "patches",
    lambda array, shape: array.T.reshape(shape),
    lambda array: array.reshape(-1, array.shape[-1]).T,
)


class _Positions(Layout):
    """The layout of a position embedding, which may be of another grid.

    Checkpoints do not say of which; it is taken to be a square.
    """

    def __init__(self, grid, before):
        def to_keras(array, shape):
            if array.shape == tuple(shape):
                return array
            side = isqrt(array.shape[1] - before)
            return interpolated(array, (side, side), grid)

        super().__init__(f"positions{tuple(grid)}", to_keras, lambda x: x)
        object.__setattr__(self, "before", before)

    def fit(self, array, keras_shape):
        if array.ndim != 3 or array.shape[::2] != tuple(keras_shape)[::2]:
            return super().fit(array, keras_shape)
        places = array.shape[1] - self.before
        same = array.shape == tuple(keras_shape)
        if same or (places > 0 and isqrt(places) ** 2 == places):
            return np.asarray(array)
        return super().fit(array, keras_shape)


@register_names
def torch_names(model):
    """Returns timm's, lucidrains' and torchvision's names, if it is a ViT."""
    layers = {layer.name: layer for layer in model.layers}
    if not {"patch_embedding", "position_embedding"} <= layers.keys():
        return None
    return [scheme(layers) for scheme in (_timm, _lucidrains, _torchvision)]


def _positions(layers, prefix, name):
    layer = layers["position_embedding"]
    layout = _Positions(layer.grid, layer.before)
    return prefix, layer, {name: layout}


def _blocks(layers):
    """Yields the index and the start of the names of each block."""
    i = 0
    while f"block{i + 1}" in layers:
        yield i, f"block{i + 1}_"
        i += 1


def _present(layers, *named):
    """Returns the names of those layers that there are."""
    return [(prefix, layers[name]) for prefix, name in named if name in layers]


def _timm(layers):
    names = _present(
        layers, ("patch_embed.proj", "patch_embedding"), ("", "class_token")
    )
    names.append(_positions(layers, "", "pos_embed"))
    for i, block in _blocks(layers):
        prefix = f"blocks.{i}"
        names += [
            (f"{prefix}.norm1", layers[f"{block}norm1"]),
            (f"{prefix}.attn", layers[f"{block}attention"]),
            (f"{prefix}.norm2", layers[f"{block}norm2"]),
            (f"{prefix}.mlp.fc1", layers[f"{block}mlp1"]),
            (f"{prefix}.mlp.fc2", layers[f"{block}mlp2"]),
        ]
    pooled = "norm" in layers and len(layers["norm"].output.shape) == 2
    last = "fc_norm" if pooled else "norm"
    return names + _present(layers, (last, "norm"), ("head", "classifier"))


def _lucidrains(layers):
    names = [
        (
            "to_patch_embedding.1",
            layers["patch_embedding"],
            {"weight": _PATCHES},
        )
    ]
    names += _present(layers, ("", "class_token"))
    names.append(_positions(layers, "", "pos_embedding"))
    for i, block in _blocks(layers):
        prefix = f"transformer.layers.{i}"
        names += [
            (f"{prefix}.0.norm", layers[f"{block}norm1"]),
            (f"{prefix}.0.fn", layers[f"{block}attention"]),
            (f"{prefix}.1.norm", layers[f"{block}norm2"]),
            (f"{prefix}.1.fn.net.0", layers[f"{block}mlp1"]),
            (f"{prefix}.1.fn.net.3", layers[f"{block}mlp2"]),
        ]
    return names + _present(
        layers, ("mlp_head.0", "norm"), ("mlp_head.1", "classifier")
    )


def _torchvision(layers):
    names = _present(
        layers, ("conv_proj", "patch_embedding"), ("", "class_token")
    )
    names.append(_positions(layers, "encoder", "pos_embedding"))
    for i, block in _blocks(layers):
        prefix = f"encoder.layers.encoder_layer_{i}"
        names += [
            (f"{prefix}.ln_1", layers[f"{block}norm1"]),
            (f"{prefix}.self_attention", layers[f"{block}attention"]),
            (f"{prefix}.ln_2", layers[f"{block}norm2"]),
            (f"{prefix}.mlp.0", layers[f"{block}mlp1"]),
            (f"{prefix}.mlp.3", layers[f"{block}mlp2"]),
        ]
    return names + _present(
        layers, ("encoder.ln", "norm"), ("heads.head", "classifier")
    )
