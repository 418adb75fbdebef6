import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.applications import ResNetCIFAR
from keras_attn.layers import DIA, FCA, GCT, SE, SelectiveKernel
from keras_attn.weights import load_torch, to_torch
from tests.contracts import ModelCase
from tests.contracts.saving import (
    check_registered_name,
    check_saved_and_loaded,
)


def attention_layers(model):
    return [la.name for la in model.layers if "attention" in la.name]


@pytest.mark.once
def test_attention_ends_each_branch():
    assert attention_layers(ResNetCIFAR(depth=14, attention="eca")) == [
        f"stage{s}_block{b}_attention" for s in (1, 2, 3) for b in (1, 2)
    ]


@pytest.mark.once
def test_attention_ends_each_stage():
    model = ResNetCIFAR(depth=14, attention="eca", placement="last")
    assert attention_layers(model) == [
        f"stage{s}_block2_attention" for s in (1, 2, 3)
    ]


@pytest.mark.once
def test_gct_goes_before_each_convolution():
    model = ResNetCIFAR(depth=8, attention="gct")
    convolutions = [
        layer for layer in model.layers if hasattr(layer, "convolution")
    ]
    sources = {id(layer.output): layer for layer in model.layers}
    for layer in convolutions:
        assert isinstance(sources[id(layer.input)], GCT), layer.name
    assert len(attention_layers(model)) == len(convolutions) == 9


@pytest.mark.once
@pytest.mark.parametrize(
    ("depth", "attention", "replaced"),
    [(14, "selective_kernel", "conv1"), (29, "split_attention", "conv2")],
)
def test_replaces_the_first_3x3_convolution(depth, attention, replaced):
    model = ResNetCIFAR(depth=depth, attention=attention)
    plain = ResNetCIFAR(depth=depth)
    assert len(model.layers) == len(plain.layers)
    for layer in plain.layers[1:]:
        name = layer.name.replace(f"_{replaced}", "_attention")
        assert model.get_layer(name).output.shape == layer.output.shape
    arrays = to_torch(model)
    first = {"conv1": "paths.0.conv", "conv2": "conv"}[replaced]
    assert f"layer3.0.{replaced}.{first}.weight" in arrays
    load_torch(model, arrays)


@pytest.mark.once
def test_networks_of_selective_kernels_have_the_names_of_timm():
    arrays = to_torch(ResNetCIFAR(depth=8, attention="selective_kernel"))
    assert arrays["layer1.0.conv2.conv.weight"].shape == (16, 16, 3, 3)
    assert arrays["layer1.0.conv2.bn.running_mean"].shape == (16,)
    assert arrays["layer2.0.downsample.0.weight"].shape == (32, 16, 1, 1)
    assert {"conv1.weight", "bn1.weight"} <= set(arrays)


@pytest.mark.once
@pytest.mark.parametrize("attention", ["se", [SelectiveKernel, SE, SE]])
def test_rejects_a_replacement_that_does_not_convolve(attention):
    with pytest.raises(ValueError, match="take `filters`, `strides` and"):
        ResNetCIFAR(depth=8, attention=attention, placement="replace")


@pytest.mark.once
@pytest.mark.parametrize("name", ["dia", "gsop", "fca"])
def test_loads_with_each_attention(name, tmp_path):
    attention = {"fca": functools.partial(FCA, frequencies="top4")}
    case = ModelCase(
        function=ResNetCIFAR,
        name=f"resnet_{name}",
        kwargs={"depth": 8, "attention": attention.get(name, name)},
        shape=(9, 8, 3),
    )
    check_registered_name(case, tmp_path)
    check_saved_and_loaded(case, tmp_path)


@pytest.mark.once
def test_dia_is_one_cell_per_stage():
    model = ResNetCIFAR(depth=14, attention="dia")
    found = [layer for layer in model.layers if isinstance(layer, DIA)]
    assert len(found) == 3
    # One layer per block would be twice as many.
    alone = ResNetCIFAR(depth=14, attention="dia", placement="block")
    assert sum(isinstance(layer, DIA) for layer in alone.layers) == 6


@pytest.mark.once
def test_the_state_of_dia_goes_from_block_to_block():
    model = ResNetCIFAR(depth=14, attention="dia")
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    names = ("block1_conv2", "block1", "block2_conv2")
    layers = [model.get_layer(f"stage1_{name}") for name in names]
    outputs = [layer.output for layer in (*layers, model.get_layer("stage1"))]
    first, shortcut, second, expected = keras.Model(
        model.input, outputs
    ).predict(x, verbose=0)
    dia = model.get_layer("stage1_attention")
    _, h, c = dia(first)
    y, _, _ = dia(second, initial_state=[h, c])
    y = np.maximum(shortcut + ops.convert_to_numpy(y), 0.0)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.once
def test_starts_as_the_network_without_attention():
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    plain = ResNetCIFAR(depth=8)
    attention = functools.partial(SE, identity_start=True)
    model = ResNetCIFAR(depth=8, attention=attention)
    load_torch(model, to_torch(plain), strict=False)
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), plain.predict(x, verbose=0)
    )
