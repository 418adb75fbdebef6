import keras
import numpy as np
import pytest
from scipy import ndimage

from keras_attn.applications import ViT
from keras_attn.layers.parts.position_embedding import (
    PositionEmbedding,
    interpolated,
)
from keras_attn.weights import load_torch, to_torch
from tests.cases.recorded_vit import SMALL, loaded
from tests.goldens import load_golden, vit_weights
from tests.keras_attn.applications.vit.tiny import tiny


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

    @pytest.mark.parametrize("grid", [(6, 6), (3, 7), (2, 2), (1, 4), (9, 4)])
    @pytest.mark.parametrize(
        ("package", "name"),
        [
            ("timm", "pos_embed"),
            ("torchvision", "encoder.pos_embedding"),
            ("lucidrains", "pos_embedding"),
        ],
    )
    def test_of_a_checkpoint_are_interpolated_as_its_package_does(
        self, package, name, grid
    ):
        embedding = vit_weights({"pos_embed": (1, 17, 3)})["pos_embed"]
        model = ViT(
            input_shape=(8 * grid[0], 8 * grid[1], 1),
            **{**SMALL, "hidden_dim": 3, "num_layers": 1, "mlp_dim": 1},
        )
        load_torch(model, {name: embedding}, strict=False)
        found = model.get_layer("position_embedding").embedding
        if package == "lucidrains":
            expected = self.expected(embedding, grid)[:, 1:]
        else:
            golden = load_golden("positions")
            expected = golden[f"{package}_{grid[0]}_{grid[1]}"]
        found = keras.ops.convert_to_numpy(found)
        np.testing.assert_array_equal(found[:, :1], embedding[:, :1])
        np.testing.assert_allclose(found[:, 1:], expected, atol=1e-6)

    @pytest.mark.parametrize(
        ("kwargs", "before"),
        [
            ({"class_position": False}, 0),
            ({"class_position": False, "register_tokens": 3}, 0),
            ({"register_tokens": 3}, 4),
            ({"distilled": True}, 2),
        ],
    )
    def test_tokens_before_the_patches_are_not_interpolated(
        self, kwargs, before
    ):
        small, large = (
            tiny(**kwargs, input_shape=(side, side, 3)) for side in (32, 48)
        )
        arrays = to_torch(small)
        assert arrays["pos_embed"].shape == (1, before + 16, 24)
        load_torch(large, arrays)
        found = to_torch(large)["pos_embed"]
        assert found.shape == (1, before + 36, 24)
        np.testing.assert_array_equal(
            found[:, :before], arrays["pos_embed"][:, :before]
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
