import numpy as np
import pytest

from keras_attn.applications import ViT
from keras_attn.weights import load_torch, to_torch
from tests.cases.recorded_vit import SMALL, loaded
from tests.keras_attn.applications.vit.tiny import AFTER, MEAN, of_timm, tiny


@pytest.mark.once
class TestTorchvision:
    def test_its_names(self):
        golden, model = loaded("timm_vit")
        renamed = {}
        for name, array in golden["weights"].items():
            for ours, theirs in (
                ("cls_token", "class_token"),
                ("pos_embed", "encoder.pos_embedding"),
                ("patch_embed.proj", "conv_proj"),
                ("blocks.", "encoder.layers.encoder_layer_"),
                (".norm1.", ".ln_1."),
                (".norm2.", ".ln_2."),
                (".attn.qkv.", ".self_attention.in_proj_"),
                (".attn.proj.", ".self_attention.out_proj."),
                (".mlp.fc1.", ".mlp.0."),
                (".mlp.fc2.", ".mlp.3."),
            ):
                name = name.replace(ours, theirs)
            if name.startswith("norm."):
                name = f"encoder.ln.{name.removeprefix('norm.')}"
            if name.startswith("head."):
                name = f"heads.{name}"
            renamed[name] = array
        other = ViT(input_shape=(32, 32, 3), **SMALL, mlp_dim=96)
        load_torch(other, renamed)
        for one, two in zip(
            other.get_weights(), model.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, two)


@pytest.mark.once
class TestTimm:
    @pytest.mark.parametrize(
        ("kwargs", "theirs", "ignored"),
        [
            (AFTER, {"fc_norm": True}, 4),
            ({}, {}, 2),
            (
                {**AFTER, "class_token": False, "token_pooling": "mean"},
                {"fc_norm": True, "class_token": False},
                4,
            ),
            ({"final_norm": False}, {"fc_norm": True}, 4),
        ],
    )
    def test_tokens_are_the_same_whatever_follows(
        self, kwargs, theirs, ignored
    ):
        report = load_torch(
            tiny(include_top=False, **kwargs), of_timm(**theirs)
        )
        assert len(report.ignored) == ignored and "head.bias" in report.ignored

    def test_a_model_without_a_classifier_ignores_it(self):
        kwargs = {"register_tokens": 1, "token_pooling": "attention"}
        source = tiny(**kwargs)
        tokens = tiny(include_top=False, **kwargs)
        report = load_torch(tokens, to_torch(source))
        ignored = {name.partition(".")[0] for name in report.ignored}
        assert ignored == {"attn_pool", "head"}
        vector = tiny(classes=0, **kwargs)
        report = load_torch(vector, to_torch(source))
        assert report.ignored == ("head.weight", "head.bias")
        pair = to_torch(tiny(distilled=True))
        report = load_torch(tiny(distilled=True, classes=0), pair)
        assert {name.partition(".")[0] for name in report.ignored} == {
            "head",
            "head_dist",
        }

    def test_a_normalisation_that_the_model_lacks_is_not_ignored(self):
        with pytest.raises(ValueError, match="norm.bias"):
            load_torch(tiny(final_norm=False), of_timm())

    @pytest.mark.parametrize("kwargs", [MEAN, {**MEAN, **AFTER}, AFTER])
    def test_our_names_load_again(self, kwargs):
        model = tiny(**kwargs, classifier_activation="softmax")
        other = tiny(**kwargs)
        load_torch(other, to_torch(model))
        for one, two in zip(
            other.get_weights(), model.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, two)
