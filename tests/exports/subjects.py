"""Models to export: each block once, after a convolution, and each model."""

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
# Models that support open sizes only without their head.
HEADLESS = ("zfnet",)


def subjects():
    """Returns a dict that maps names to dicts of sizes to functions.

    Each layer class appears once, with its first case. Each function creates a
    model with random weights and an open batch size.
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
    """Returns whether a name belongs to a layer class."""
    return name in {case.cls.__name__ for case in (*LAYERS, *IMAGES)}


def _known(case):
    return _as_model(case, case.subject())


def _as_model(case, subject, size=None):
    """Returns a model of the case, with blocks after a convolution.

    As in a network, the inputs of a block then have a gradient, and another
    layer determines their sizes. Both affect exporters, above all PyTorch's.
    """
    if not isinstance(case, LayerCase):
        return case.as_model(subject, size=size)
    inputs = case.symbolic_inputs(size=size)
    tensors = keras.tree.map_structure(_weighted, inputs)
    return keras.Model(inputs, subject(tensors))


def _weighted(tensor):
    """Applies a layer with weights that preserves the shape."""
    channels = tensor.shape[-1]
    if len(tensor.shape) == 3:
        return keras.layers.Dense(channels)(tensor)
    return keras.layers.Conv2D(channels, 3, padding="same")(tensor)


def _open(case):
    """Creates the model of a case with height and width open.

    Raises:
        ValueError: If the block or model does not support open sizes.
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
