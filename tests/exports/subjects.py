"""What is exported: each block once, behind a convolution, and each model."""

import functools

import keras
import numpy as np

from keras_attn.layers import MeanImage, TenCrop
from tests.cases import MODELS
from tests.cases.layers import LAYERS
from tests.contracts import LayerCase
from tests.contracts.cases import draw_weights

IMAGES = (
    LayerCase(cls=MeanImage, shape=(6, 5, 3)),
    LayerCase(cls=TenCrop, kwargs={"height": 4, "width": 3}, shape=(6, 5, 3)),
)
# What leaves height and width open only if it ends in a feature map.
HEADLESS = ("zfnet",)


def subjects():
    """Returns a dict of names to a dict of sizes to functions.

    A class of layers is in it once, by its first case; each function makes a
    model, with random weights and a batch of any size.
    """
    found = {}
    for case in (*LAYERS, *IMAGES):
        found.setdefault(case.cls.__name__, case)
    found |= {str(case): case for case in MODELS}
    return {
        name: {
            "known": functools.partial(_known, case),
            "open": functools.partial(_open, case),
        }
        for name, case in found.items()
    }


def is_block(name):
    """Returns whether a name is that of a class of layers."""
    return name in {case.cls.__name__ for case in (*LAYERS, *IMAGES)}


def _known(case):
    return _as_model(case, case.subject())


def _as_model(case, subject, size=None):
    """Returns a model of the case; a block stands behind a convolution.

    In a network its inputs have a gradient, and their batch and size come
    from another layer: exporters, PyTorch's above all, mind both.
    """
    if not isinstance(case, LayerCase):
        return case.as_model(subject, size=size)
    inputs = case.symbolic_inputs(size=size)
    tensors = keras.tree.map_structure(_weighted, inputs)
    return keras.Model(inputs, subject(tensors))


def _weighted(tensor):
    """Applies a layer with weights that keeps the shape."""
    channels = tensor.shape[-1]
    if len(tensor.shape) == 3:
        return keras.layers.Dense(channels)(tensor)
    return keras.layers.Conv2D(channels, 3, padding="same")(tensor)


def _open(case):
    """Makes the model of a case with height and width open.

    Raises:
        ValueError: Of the block or model itself, if that is nothing it can.
    """
    if isinstance(case, LayerCase):
        size = (None, None)
        return _as_model(case, case.subject(size=size), size)
    kwargs = dict(case.kwargs)
    if str(case) in HEADLESS:
        kwargs["include_top"] = False
    keras.utils.set_random_seed(0)
    shape = (None, None, case.shape[-1])
    model = case.function(**kwargs, input_shape=shape)
    draw_weights(model, np.random.default_rng(0))
    return model
