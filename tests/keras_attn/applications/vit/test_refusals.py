"""Tests that checkpoints of other networks are rejected."""

import numpy as np
import pytest

from keras_attn.weights import load_torch
from tests.keras_attn.applications.vit.tiny import AFTER, MEAN, of_timm, tiny

pytestmark = pytest.mark.once

PATCHES = {"token_pooling": "patches"}


class TestNames:
    """Names and shapes fit, but the network computes something else."""

    @pytest.mark.parametrize(
        ("kwargs", "theirs", "message"),
        [
            (MEAN, {}, "the mean of this model includes them"),
            (
                {**MEAN, **AFTER},
                {"fc_norm": True},
                "token_pooling='patches', class_token=True, norm_after",
            ),
            ({}, {"fc_norm": True}, "for timm's `global_pool='avg'`, a mean"),
            (AFTER, {"fc_norm": True}, "token_pooling='patches'"),
            (
                {"token_pooling": "mean"},
                {"fc_norm": True, "class_token": False},
                "token_pooling='patches', class_token=False, norm_after_pool",
            ),
            (
                {"include_top": False},
                {"fc_norm": True},
                "Build the model with `norm_after_pooling=True`",
            ),
        ],
    )
    @pytest.mark.parametrize("strict", [True, False])
    def test_are_refused(self, kwargs, theirs, message, strict):
        model, arrays = tiny(**kwargs), of_timm(**theirs)
        before = model.get_weights()
        with pytest.raises(ValueError, match=message) as caught:
            load_torch(model, arrays, strict=strict)
        assert "Received: " in str(caught.value)
        for one, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_the_form_that_the_error_names_loads(self):
        kwargs = {**PATCHES, **AFTER, "class_token": True}
        report = load_torch(tiny(**kwargs), of_timm(fc_norm=True))
        assert not report.ignored

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            (MEAN, "includes them"),
            ({**PATCHES, "class_token": True}, "classify the class token"),
        ],
    )
    def test_torchvision_has_no_mean(self, kwargs, message):
        arrays = dict.fromkeys(("conv_proj.weight", "class_token"), [1.0])
        with pytest.raises(ValueError, match=message):
            load_torch(tiny(**kwargs), arrays)


class TestArchitectures:
    """The stated name of the architecture tells networks apart."""

    @pytest.mark.parametrize(
        ("architecture", "kwargs", "message"),
        [
            ("vit_base_patch32_siglip_gap_256", {}, "activation='gelu_tanh'"),
            (
                "vit_base_patch16_clip_quickgelu_224",
                {"epsilon": 1e-5},
                "activation='quick_gelu'",
            ),
            ("vit_giant_patch14_reg4_dinov2", {}, "activation='silu'"),
            (
                "deit3_base_patch16_224",
                {"activation": "gelu_tanh"},
                "activation='gelu'",
            ),
            ("vit_base_patch16_clip_224", {}, "epsilon=1e-05"),
            ("vit_base_patch16_224", {"epsilon": 1e-5}, "epsilon=1e-06"),
            ("vit_base_patch16_rpn_224", {}, "`ViT` does not support"),
            ("test_vit3", {}, "`ViT` does not support"),
            ("vit_base_patch16_rope_224", {}, "`ViT` does not support"),
        ],
    )
    def test_are_refused(self, architecture, kwargs, message):
        source = {"state_dict": of_timm(), "arch": architecture}
        with pytest.raises(ValueError, match=message):
            load_torch(tiny(**kwargs), source)

    def test_load_into_the_form_that_the_error_names(self):
        architecture = "vit_base_patch16_clip_quickgelu_224"
        source = {"state_dict": of_timm(), "arch": architecture}
        load_torch(tiny(activation="quick_gelu", epsilon=1e-5), source)

    def test_that_classify_the_class_token(self):
        model = tiny(**PATCHES, class_token=True)
        load_torch(model, of_timm())
        source = {"state_dict": of_timm(), "arch": "vit_base_patch16_224"}
        with pytest.raises(ValueError, match="token_pooling='cls'"):
            load_torch(model, source)

    def test_with_other_heads(self):
        kwargs = {"hidden_dim": 192, "num_layers": 1}
        source = {
            "state_dict": of_timm(**kwargs),
            "arch": "vit_tiny_patch16_224",
        }
        load_torch(tiny(**kwargs), source)
        with pytest.raises(ValueError, match="num_heads=3"):
            load_torch(tiny(**kwargs, num_heads=4), source)

    def test_are_read_from_a_file_beside(self, tmp_path):
        np.savez(tmp_path / "a.npz", **of_timm())
        file = tmp_path / "config.json"
        file.write_text('{"architecture": "vit_base_patch16_clip_224"}')
        with pytest.raises(ValueError, match="epsilon=1e-05"):
            load_torch(tiny(), tmp_path / "a.npz")
        for text in ("[" * 10**5, "[]", '{"architecture": 1}', "\0"):
            file.write_text(text)
            load_torch(tiny(), tmp_path / "a.npz")
