"""Attention blocks by name, for whoever has a slot for one."""

import keras

from keras_attn.layers.bilinear_attention import BilinearAttention
from keras_attn.layers.cbam import CBAM
from keras_attn.layers.context_encoding import ContextEncoding
from keras_attn.layers.dia import DIA
from keras_attn.layers.eca import ECA
from keras_attn.layers.fca import FCA
from keras_attn.layers.feature_act import FeatureAct
from keras_attn.layers.gct import GCT
from keras_attn.layers.gsop import GSoP
from keras_attn.layers.se import SE
from keras_attn.layers.soca import SOCA
from keras_attn.layers.srm import SRM

_CLASSES = {
    "bilinear_attention": BilinearAttention,
    "cbam": CBAM,
    "context_encoding": ContextEncoding,
    "dia": DIA,
    "eca": ECA,
    "fca": FCA,
    "feature_act": FeatureAct,
    "gct": GCT,
    "gsop": GSoP,
    "se": SE,
    "soca": SOCA,
    "srm": SRM,
}


def names():
    """Returns the names of the attention blocks, for `keras_attn.layers.get`.

    Each takes a feature map and returns one of the same shape.

    Returns:
        A sorted list of strings.

    Example:

    >>> "eca" in keras_attn.layers.names()
    True
    """
    return sorted(_CLASSES)


def get(identifier, **kwargs):
    """Returns a new attention block, by whatever says which one.

    Args:
        identifier: A name out of `keras_attn.layers.names()`, a class of
            layers, a function that returns a layer, or a layer's config as
            `keras.layers.serialize` gives it.
        **kwargs: Arguments of the layer. Of a config, they replace what it
            holds.

    Returns:
        A `keras.layers.Layer`, not built, and another one at each call.

    Raises:
        ValueError: If the identifier is none of these, or if what it stands
            for gives no layer.

    Example:

    >>> keras_attn.layers.get("eca", kernel_size=5).kernel_size
    5
    >>> config = keras.layers.serialize(keras_attn.layers.SE(ratio=8))
    >>> keras_attn.layers.get(config).ratio
    8
    """
    if isinstance(identifier, str) and identifier in _CLASSES:
        return _CLASSES[identifier](**kwargs)
    if isinstance(identifier, dict) and "class_name" in identifier:
        config = {**identifier.get("config", {}), **kwargs}
        return keras.layers.deserialize({**identifier, "config": config})
    if callable(identifier) and not isinstance(identifier, keras.layers.Layer):
        layer = identifier(**kwargs)
        if isinstance(layer, keras.layers.Layer):
            return layer
        raise ValueError(
            "A function must return a Keras layer. "
            f"Received: {identifier!r}, which returned {layer!r}"
        )
    fix = ""
    if isinstance(identifier, keras.layers.Layer):
        fix = (
            ". Pass its class or config, as each place needs a layer of its own"
        )
    raise ValueError(
        f"An attention block is one of {names()}, a class of layers, a "
        "function that returns a layer, or a layer's config. "
        f"Received: {identifier!r}{fix}"
    )
