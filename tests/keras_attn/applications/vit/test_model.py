import keras
import numpy as np
import pytest

from keras_attn.applications import (
    ViT,
    ViTBase16,
    ViTBase32,
    ViTLarge16,
    ViTSmall16,
    ViTTiny16,
    vit,
)
from keras_attn.explain import GradCAM, attention_maps
from keras_attn.weights import load_torch, to_torch
from tests.cases.models import VIT, VIT_FORMS
from tests.cases.recorded_vit import RECORDED, SMALL, images, loaded
from tests.contracts import MODEL_CHECKS, check_matches_reference, contract
from tests.contracts.devices import to_format
from tests.goldens import load_golden

# `TestReference` replaces one of the checks.
CHECKS = [c for c in MODEL_CHECKS if c is not check_matches_reference]


@contract([VIT_FORMS, VIT], CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.once
@pytest.mark.parametrize("name", RECORDED)
class TestReference:
    def test_logits(self, name, data_format):
        golden, model = loaded(name, data_format)
        y = model.predict(to_format(images(golden), data_format), verbose=0)
        limit = 1e-4 * np.abs(golden["y"]).max()
        np.testing.assert_allclose(y, golden["y"], rtol=0, atol=limit)

    def test_weights_come_back_in_the_names_of_their_package(self, name):
        golden, model = loaded(name)
        again = to_torch(model)
        assert again.keys() == golden["weights"].keys()
        for key, array in golden["weights"].items():
            np.testing.assert_array_equal(again[key], array)
        other = keras.models.clone_model(model)
        load_torch(other, again)
        for one, two in zip(
            other.get_weights(), model.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, two)


@pytest.mark.once
class TestSizes:
    def test_of_the_reference(self):
        model = ViT(
            input_shape=(256, 256, 3),
            classes=2,
            patch_size=32,
            hidden_dim=1024,
            num_layers=6,
            num_heads=16,
            mlp_dim=2048,
            dropout=0.1,
            form="lucidrains",
        )
        assert model.count_params() == 53_599_234

    @pytest.mark.parametrize(
        ("function", "parameters"),
        [
            (ViTTiny16, 5_717_416),
            (ViTSmall16, 22_050_664),
            (ViTBase16, 86_567_656),
            (ViTBase32, 88_224_232),
            pytest.param(ViTLarge16, 304_326_632, marks=pytest.mark.slow),
        ],
    )
    def test_of_the_paper(self, function, parameters):
        assert function().count_params() == parameters


@pytest.mark.once
class TestArguments:
    def test_forms_are_their_arguments(self):
        """A form sets arguments that can also be given separately."""
        lucidrains = ViT(
            input_shape=(16, 16, 3),
            **SMALL,
            mlp_dim=40,
            form="lucidrains",
            token_pooling="mean",
        )
        google = ViT(
            input_shape=(16, 16, 3),
            **SMALL,
            mlp_dim=40,
            token_pooling="mean",
            class_token=True,
            qkv_bias=False,
            epsilon=1e-5,
            norm_after_pooling=True,
        )
        google.set_weights(lucidrains.get_weights())
        x = np.random.default_rng(0).normal(size=(2, 16, 16, 3))
        np.testing.assert_allclose(
            google.predict(x, verbose=0),
            lucidrains.predict(x, verbose=0),
            atol=1e-6,
        )

    def test_tanh_gelu(self):
        _, exact = loaded("timm_vit")
        golden = load_golden("timm_vit")
        other = ViT(
            input_shape=(32, 32, 3),
            **SMALL,
            mlp_dim=96,
            activation="gelu_tanh",
        )
        other.set_weights(exact.get_weights())
        difference = np.abs(
            other.predict(images(golden), verbose=0) - golden["y"]
        )
        assert 1e-5 < difference.max() < 1e-2 * np.abs(golden["y"]).max()

    @pytest.mark.parametrize("pooling", [None, "avg", "max"])
    def test_features(self, pooling):
        _, whole = loaded("timm_vit")
        model = ViT(
            include_top=False,
            input_shape=(32, 32, 3),
            pooling=pooling,
            **{**SMALL, "classes": 1000},
            mlp_dim=96,
        )
        model.set_weights(whole.get_weights()[:-2])
        tokens = keras.Model(whole.input, whole.get_layer("norm").output)
        x = images(load_golden("timm_vit"))
        expected = tokens.predict(x, verbose=0)
        if pooling:
            reduce = {"avg": np.mean, "max": np.max}[pooling]
            expected = reduce(expected, axis=1)
        np.testing.assert_allclose(
            model.predict(x, verbose=0), expected, atol=1e-5
        )

    def test_starts_as_googles_with_equal_scores_of_all_classes(self):
        model = ViT(input_shape=(16, 16, 1), **SMALL, mlp_dim=40)
        x = np.random.default_rng(0).normal(size=(2, 16, 16, 1))
        assert not model.predict(x, verbose=0).any()

    def test_one_head_of_all_numbers_is_not_mixed_by_lucidrains(self):
        kwargs = {**SMALL, "num_heads": 1, "mlp_dim": 40}
        names = to_torch(
            ViT(input_shape=(16, 16, 3), **kwargs, form="lucidrains")
        )
        assert not any("attn.proj" in name for name in names)

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"patch_size": 0}, "patch_size=0"),
            ({"patch_size": (8, 8, 8)}, "pair of them"),
            ({"patch_size": 8.0}, "pair of them.*patch_size=8.0"),
            ({"input_shape": (20, 16, 3)}, r"multiples.*\(20, 16\)"),
            ({"input_shape": (None, 16, 3)}, "multiples"),
            ({"num_heads": 5}, "hidden_dim=24, num_heads=5"),
            ({"num_layers": 0}, "num_layers=0"),
            ({"token_pooling": "max"}, "token_pooling='max'"),
            ({"form": "timm"}, "form='timm'"),
            ({"class_token": False}, "class_token=False"),
            ({"activation": "swish"}, "activation='swish'"),
            ({"layer_scale": -1.0}, "layer_scale=-1.0"),
            ({"register_tokens": -1}, "register_tokens=-1"),
            ({"distilled": True, "register_tokens": 2}, "register_tokens=2"),
            (
                {"distilled": True, "token_pooling": "patches"},
                "token_pooling='patches'",
            ),
            (
                {"distilled": True, "norm_after_pooling": True},
                "norm_after_pooling=True",
            ),
            (
                {
                    "token_pooling": "attention",
                    "num_heads": 5,
                    "head_dim": 4,
                },
                "hidden_dim=24, num_heads=5",
            ),
            ({"classes": -1}, "classes=-1"),
            ({"position": "sine"}, "position='sine'"),
            ({"normalization": "batch"}, "normalization='batch'"),
            ({"normalization": "rms", "qk_norm": True}, "qk_norm=True"),
            ({"qkv_bias": "query"}, "qkv_bias='query'"),
            ({"gated_mlp": "packed"}, "gated_mlp='packed'"),
            ({"dropout": 1.0}, "dropout=1.0"),
            ({"attention_dropout": -0.1}, "attention_dropout=-0.1"),
            ({"weights": "imagenet"}, "weights='imagenet'"),
        ],
    )
    def test_bad_ones(self, kwargs, message):
        kwargs = {
            "input_shape": (16, 16, 3),
            "mlp_dim": 40,
            **SMALL,
            **kwargs,
        }
        with pytest.raises(ValueError, match=message):
            ViT(**kwargs)


@pytest.mark.once
class TestLooks:
    def test_where_the_class_token_looks(self):
        golden, model = loaded("timm_vit")
        maps = attention_maps(model, images(golden))
        assert list(maps) == ["block1_attention", "block2_attention"]
        assert maps["block2_attention"].shape == (2, 3, 17, 17)

    def test_grad_cam_needs_no_reshape(self):
        golden, model = loaded("timm_vit")
        found = GradCAM(model)(images(golden))
        assert found.shape == (2, 32, 32)
        # The last map on which the score of the class token depends.
        expected = GradCAM(model, "block2_norm1")(images(golden))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert found.max() > 0.9


def test_preprocess_input():
    x = np.array([0, 51, 255], "uint8").reshape(1, 1, 1, 3)
    np.testing.assert_allclose(
        vit.preprocess_input(x, "channels_last")[0, 0, 0],
        [-1, -0.6, 1],
        atol=1e-6,
    )
