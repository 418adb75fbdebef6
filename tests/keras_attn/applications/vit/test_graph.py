"""Tests the forms of ViT that timm's networks have."""

import keras
import numpy as np
import pytest

from keras_attn.explain import GradCAM
from keras_attn.weights import load_torch, to_torch
from tests.cases.recorded_vit import FORMS, form_weights, in_form
from tests.contracts.devices import format_error, to_format
from tests.goldens import load_golden, vit_images


@pytest.mark.each_backend
class TestRecorded:
    # The data format matters only before the first token.
    @pytest.mark.parametrize(
        ("name", "data_format"),
        [(name, "channels_last") for name in FORMS]
        + [("giant", "channels_first")],
    )
    def test_outputs_and_names(self, name, data_format):
        if reason := format_error(data_format):
            pytest.skip(reason)
        weights = form_weights(name)
        model = in_form(name, data_format)
        report = load_torch(model, weights)
        assert not report.ignored
        x = keras.ops.convert_to_tensor(to_format(vit_images(), data_format))
        y = keras.ops.convert_to_numpy(model(x))
        expected = load_golden("timm_vit_forms")[name]
        limit = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(y, expected, rtol=0, atol=limit)
        again = to_torch(model)
        assert again.keys() == weights.keys()
        for key, array in weights.items():
            np.testing.assert_array_equal(again[key], array)


@pytest.mark.once
@pytest.mark.parametrize("name", ["giant", "distilled", "siglip"])
def test_grad_cam_needs_no_reshape(name):
    model = in_form(name, num_layers=2)
    random = np.random.default_rng(1)
    model.set_weights(
        [0.3 * random.normal(size=w.shape) for w in model.get_weights()]
    )
    found = GradCAM(model)(vit_images())
    assert found.shape == (2, 32, 24) and found.max() > 0.9
    # Without the tokens before the patches.
    layer = "norm" if name == "siglip" else "block2_norm1"
    expected = GradCAM(model, layer)(vit_images())
    np.testing.assert_allclose(found, expected, atol=1e-5)
