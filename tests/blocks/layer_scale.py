import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from keras_attn.layers import LayerScale
from keras_attn.weights import load_torch, to_torch
from tests.cases.drawn import Example, Tensor
from tests.cases.strategies import CHANNELS, NUMBERS, SIDE, arguments
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS

CASES = (
    LayerCase(
        cls=LayerScale,
        shape=(5, 8),
        num_weights=1,
        reference=lambda weights, x: x * weights["gamma"],
        formats=FORMATS[:1],
        masks=True,
    ),
)
REFUSED = {"initial": [*NUMBERS, float("inf")]}


@st.composite
def examples(draw):
    sides = draw(st.lists(SIDE, max_size=1))
    shape = (draw(st.integers(1, 3)), *sides, draw(CHANNELS))
    optional = {"initial": st.sampled_from([0, 1e-6, 1.0])}
    kwargs = arguments(draw, optional=optional)
    return Example(LayerScale, kwargs, Tensor(shape), lambda shape: [shape])


EXAMPLES = examples()


@contract(CASES, LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.each_backend
def test_a_small_factor_is_not_rounded_in_half_precision():
    layer = LayerScale(1.23e-7, dtype="mixed_float16")
    y = ops.convert_to_numpy(layer(np.full((1, 2, 3), 1e4, "float32")))
    np.testing.assert_allclose(y.astype("float32"), 1.23e-3, rtol=1e-3)


def test_loads_the_name_of_timm():
    layer = LayerScale()
    layer.build((None, None, 3))
    load_torch(layer, {"gamma": np.arange(3.0)})
    assert to_torch(layer)["gamma"].tolist() == [0.0, 1.0, 2.0]


def test_rejects_an_unknown_or_another_number_of_channels():
    with pytest.raises(ValueError, match=r"static number of channels.*None\)"):
        LayerScale()(keras.Input((4, None)))
    layer = LayerScale()
    layer(np.zeros((1, 2, 8)))
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(np.zeros((1, 2, 4)))
