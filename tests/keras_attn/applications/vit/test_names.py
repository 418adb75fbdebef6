import json

import keras
import numpy as np
import pytest
from scipy import ndimage

from keras_attn.applications import (
    ViT,
)
from keras_attn.layers.parts.position_embedding import (
    PositionEmbedding,
    interpolated,
)
from keras_attn.weights import load_torch, to_torch
from tests.cases.recorded_vit import SMALL, loaded


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


def tiny(**kwargs):
    """Returns a model with random weights, unless some are given."""
    return ViT(input_shape=(16, 16, 3), mlp_dim=8, **{**SMALL, **kwargs})


MEAN = {"token_pooling": "mean", "class_token": True}


AFTER = {"norm_after_pooling": True}


def of_timm(**kwargs):
    """Returns the weights of a timm network with some options."""
    arrays = to_torch(tiny())
    if kwargs.get("fc_norm"):
        for kind in ("weight", "bias"):
            arrays[f"fc_norm.{kind}"] = arrays.pop(f"norm.{kind}")
    if not kwargs.get("class_token", True):
        del arrays["cls_token"]
        arrays["pos_embed"] = arrays["pos_embed"][:, 1:]
    return arrays


@pytest.mark.once
class TestOtherNetworks:
    """Names and shapes fit, but the network computes something else."""

    @pytest.mark.parametrize(
        ("kwargs", "theirs", "message"),
        [
            (MEAN, {}, "the mean of this model includes it"),
            ({**MEAN, **AFTER}, {"fc_norm": True}, "all tokens but the class"),
            ({}, {"fc_norm": True}, "for timm's `global_pool='avg'`. This"),
            (AFTER, {"fc_norm": True}, "`ViT` does not support"),
            (
                {"token_pooling": "mean"},
                {"fc_norm": True, "class_token": False},
                "token_pooling='mean', class_token=False, norm_after_pool",
            ),
            (
                {"include_top": False},
                {"fc_norm": True},
                "include_top=False, norm_after_pooling=True",
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

    @pytest.mark.parametrize(
        ("architecture", "message"),
        [
            ("vit_base_patch32_siglip_gap_256", "activation='gelu_tanh'"),
            ("vit_base_patch16_clip_quickgelu_224", "quick-GELU"),
        ],
    )
    def test_may_be_named(self, architecture, message, tmp_path):
        kwargs = {"token_pooling": "mean"}
        arrays = of_timm(class_token=False)
        np.savez(tmp_path / "a.npz", **arrays)
        (tmp_path / "config.json").write_text(
            json.dumps({"architecture": architecture})
        )
        for source in (
            {"state_dict": arrays, "arch": architecture},
            tmp_path / "a.npz",
        ):
            with pytest.raises(ValueError, match=message):
                load_torch(tiny(**kwargs), source)
        if "siglip" in architecture:
            load_torch(tiny(**kwargs, activation="gelu_tanh"), source)
        for text in ("[" * 10**5, "[]", '{"architecture": 1}', "\0"):
            (tmp_path / "config.json").write_text(text)
            load_torch(tiny(**kwargs), source)

    def test_torchvision_has_no_mean(self):
        arrays = dict.fromkeys(("conv_proj.weight", "class_token"), [1.0])
        with pytest.raises(ValueError, match="includes it"):
            load_torch(tiny(**MEAN), arrays)

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
        ],
    )
    def test_tokens_are_the_same_whatever_follows(
        self, kwargs, theirs, ignored
    ):
        report = load_torch(
            tiny(include_top=False, **kwargs), of_timm(**theirs)
        )
        assert len(report.ignored) == ignored and "head.bias" in report.ignored

    @pytest.mark.parametrize("kwargs", [MEAN, {**MEAN, **AFTER}, AFTER])
    def test_our_names_load_again(self, kwargs):
        model = tiny(**kwargs, classifier_activation="softmax")
        other = tiny(**kwargs)
        load_torch(other, to_torch(model))
        for one, two in zip(
            other.get_weights(), model.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, two)


@pytest.mark.once
class TestResolution:
    """Position embeddings for another grid."""

    def expected(self, embedding, grid):
        """Resizes an embedding as in Google's code, with SciPy's zoom."""
        maps = embedding[0, 1:].reshape(4, 4, -1).astype("float64")
        zoom = (grid[0] / 4, grid[1] / 4, 1)
        places = ndimage.zoom(maps, zoom, order=1).reshape(
            1, grid[0] * grid[1], -1
        )
        return np.concatenate([embedding[:, :1], places], axis=1)

    @pytest.mark.parametrize("grid", [(6, 6), (3, 7), (1, 1), (4, 4)])
    def test_are_interpolated_as_in_the_papers_code(self, grid):
        random = np.random.default_rng(0)
        embedding = random.normal(size=(1, 17, 6)).astype("float32")
        found = interpolated(embedding, (4, 4), grid)
        assert found.dtype == "float32"
        np.testing.assert_allclose(
            found, self.expected(embedding, grid), atol=1e-6
        )

    def test_of_a_checkpoint_of_pytorch(self):
        golden, model = loaded("timm_vit")
        larger = ViT(input_shape=(48, 40, 3), **SMALL, mlp_dim=96)
        load_torch(larger, golden["weights"])
        layer = larger.get_layer("position_embedding")
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(layer.embedding),
            self.expected(golden["weights"]["pos_embed"], (6, 5)),
            atol=1e-6,
        )
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(larger.get_layer("classifier").kernel),
            keras.ops.convert_to_numpy(model.get_layer("classifier").kernel),
        )

    @pytest.mark.parametrize("grid", [(2_000_000, 1), (5, 4), (0, 4)])
    def test_a_grid_that_a_file_makes_up_is_refused(self, grid):
        layer = PositionEmbedding((4, 4), before=1)
        layer.build((None, 17, 6))
        before = keras.ops.convert_to_numpy(layer.embedding)
        store = {"grid": np.array(grid), "0": np.ones((1, 17, 6), "float32")}
        with pytest.raises(ValueError, match="must not have more positions"):
            layer.load_own_variables(store)
        after = keras.ops.convert_to_numpy(layer.embedding)
        np.testing.assert_array_equal(after, before)

    def test_of_a_file_of_keras_though_it_is_no_square(self, tmp_path):
        before = ViT(input_shape=(16, 32, 3), **SMALL, mlp_dim=40)
        before.save_weights(tmp_path / "vit.weights.h5")
        after = ViT(
            weights=tmp_path / "vit.weights.h5",
            input_shape=(32, 48, 3),
            **SMALL,
            mlp_dim=40,
        )
        embeddings = [
            keras.ops.convert_to_numpy(
                model.get_layer("position_embedding").embedding
            )
            for model in (before, after)
        ]
        assert embeddings[1].shape == (1, 25, 24)
        corners = embeddings[1][0, 1:].reshape(4, 6, 24)[::3, ::5]
        expected = embeddings[0][0, 1:].reshape(2, 4, 24)[:, ::3]
        np.testing.assert_allclose(corners, expected, atol=1e-6)

    def test_that_fit_no_grid_are_refused(self):
        golden, model = loaded("timm_vit")
        weights = dict(golden["weights"])
        weights["pos_embed"] = weights["pos_embed"][:, :-1]
        before = model.get_weights()
        with pytest.raises(ValueError, match=r"pos_embed.*\(1, 16, 24\)"):
            load_torch(model, weights)
        for one, other in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(one, other)
