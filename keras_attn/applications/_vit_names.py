"""What the weights of a Vision Transformer are called in PyTorch."""

import dataclasses
import itertools
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


@dataclasses.dataclass(frozen=True)
class _Scheme:
    """How a package calls the layers: what stands before the last part.

    Attributes:
        patches: Of the patches, and whether they are a linear layer there.
        places: Of the position embedding, and the last part.
        block: Of a block, by its index from 0.
        parts: Of the normalisations and linear layers in it, in their order.
        end: Of the last normalisation, before and after the pooling, and of
            the classifier.
    """

    patches: tuple[str, bool]
    places: tuple[str, str]
    block: str
    parts: tuple[str, ...]
    end: tuple[str, str, str]

    def names(self, layers):
        """Returns the names of a model's layers, as `register_names` does."""
        prefix, is_linear = self.patches
        layouts = {"weight": _PATCHES} if is_linear else {}
        found = [(prefix, layers["patch_embedding"], layouts)]
        if "class_token" in layers:
            found.append(("", layers["class_token"]))
        prefix, name = self.places
        places = layers["position_embedding"]
        layout = _Positions(places.grid, places.before)
        found.append((prefix, places, {name: layout}))
        for i in itertools.count():
            if f"block{i + 1}" not in layers:
                break
            for ours, theirs in zip(_PARTS, self.parts, strict=True):
                layer = layers[f"block{i + 1}_{ours}"]
                found.append((f"{self.block.format(i)}.{theirs}", layer))
        before, after, classifier = self.end
        if "norm" in layers:
            pooled = len(layers["norm"].output.shape) == 2
            found.append((after if pooled else before, layers["norm"]))
        if "classifier" in layers:
            found.append((classifier, layers["classifier"]))
        return found


_PARTS = ("norm1", "attention", "norm2", "mlp1", "mlp2")
_SCHEMES = (
    # timm.
    _Scheme(
        ("patch_embed.proj", False),
        ("", "pos_embed"),
        "blocks.{}",
        ("norm1", "attn", "norm2", "mlp.fc1", "mlp.fc2"),
        ("norm", "fc_norm", "head"),
    ),
    # lucidrains.
    _Scheme(
        ("to_patch_embedding.1", True),
        ("", "pos_embedding"),
        "transformer.layers.{}",
        ("0.norm", "0.fn", "1.norm", "1.fn.net.0", "1.fn.net.3"),
        ("mlp_head.0", "mlp_head.0", "mlp_head.1"),
    ),
    # torchvision.
    _Scheme(
        ("conv_proj", False),
        ("encoder", "pos_embedding"),
        "encoder.layers.encoder_layer_{}",
        ("ln_1", "self_attention", "ln_2", "mlp.0", "mlp.3"),
        ("encoder.ln", "encoder.ln", "heads.head"),
    ),
)


@register_names
def torch_names(model):
    """Returns timm's, lucidrains' and torchvision's names, if it is a ViT."""
    layers = {layer.name: layer for layer in model.layers}
    if not {"patch_embedding", "position_embedding"} <= layers.keys():
        return None
    return [scheme.names(layers) for scheme in _SCHEMES]
