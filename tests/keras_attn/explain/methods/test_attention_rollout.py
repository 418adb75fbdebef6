import functools

import keras
import numpy as np
import pytest

from keras_attn.applications import ViT
from keras_attn.explain import AttentionRollout, attention_maps
from tests.cases.explained import assert_same, snapshot
from tests.contracts.cases import keras_setting
from tests.contracts.devices import format_error
from tests.marks import once_but_first

SMALL = {
    "input_shape": (24, 32, 3),
    "patch_size": 8,
    "hidden_dim": 24,
    "num_layers": 3,
    "num_heads": 3,
    "mlp_dim": 40,
    "classes": 5,
}


def images(count=3):
    random = np.random.default_rng(0)
    return random.normal(size=(count, 24, 32, 3)).astype("float32")


def drawn(**kwargs):
    """Returns a model whose tokens attend to some tokens more than others."""
    model = ViT(**{**SMALL, **kwargs})
    random = np.random.default_rng(1)
    model.set_weights(
        [0.5 * random.normal(size=w.shape) for w in model.get_weights()]
    )
    return model


@functools.cache
def kept():
    """Returns one model for all tests that do not change it."""
    return drawn()


def rollout_in_numpy(maps, fusion, ratio):
    """Multiplies whole matrices in float64, image by image."""
    results = []
    for image in range(len(maps[0])):
        result = np.eye(maps[0].shape[-1])
        for scores in maps:
            fused = getattr(np, fusion)(scores[image].astype("float64"), axis=0)
            order = np.argsort(fused, axis=None)
            least = order[: int(fused.size * ratio)]
            fused.flat[least[least != 0]] = 0
            mixed = fused + np.eye(len(fused))
            mixed /= mixed.sum(1, keepdims=True)
            result = mixed @ result
        results.append(result)
    return np.stack(results)


@pytest.mark.parametrize("ratio", once_but_first([0.3, 0.0, 0.9]))
@pytest.mark.parametrize("fusion", once_but_first(["mean", "max", "min"]))
def test_is_the_row_of_the_product_of_matrices(fusion, ratio):
    model = kept()
    maps = list(attention_maps(model, images()).values())
    expected = rollout_in_numpy(maps, fusion, ratio)[:, 0]
    rollout = AttentionRollout(model, fusion, ratio)
    tokens = rollout.tokens(images())
    np.testing.assert_allclose(tokens, expected, atol=1e-5)
    np.testing.assert_allclose(tokens.sum(1), 1.0, atol=1e-5)


@pytest.mark.once
def test_map_is_the_row_at_the_places_over_its_maximum():
    model = kept()
    rollout = AttentionRollout(model)
    found = rollout(images())
    assert found.shape == (3, 24, 32) and found.dtype == "float32"
    places = rollout.tokens(images())[:, 1:].reshape(3, 3, 4)
    places = places / places.max((1, 2), keepdims=True)
    expected = keras.ops.image.resize(
        places[..., None], (24, 32), data_format="channels_last"
    )
    expected = keras.ops.convert_to_numpy(expected)[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.min() >= 0 and found.max() <= 1 + 1e-6


@pytest.mark.once
def test_of_channels_first():
    data_format = "channels_first"
    if reason := format_error(data_format):
        pytest.skip(reason)
    model = drawn()
    with keras_setting("image_data_format", data_format):
        other = ViT(**{**SMALL, "input_shape": (3, 24, 32)})
        other.set_weights(model.get_weights())
        found = AttentionRollout(other)(images().transpose(0, 3, 1, 2))
    np.testing.assert_allclose(
        found, AttentionRollout(model)(images()), atol=1e-5
    )


@pytest.mark.once
class TestStart:
    def test_is_the_mean_where_there_is_no_other_token(self):
        model = drawn(token_pooling="mean")
        maps = list(attention_maps(model, images()).values())
        assert maps[0].shape[-1] == 12
        expected = rollout_in_numpy(maps, "mean", 0.0).mean(1)
        tokens = AttentionRollout(model).tokens(images())
        np.testing.assert_allclose(tokens, expected, atol=1e-5)

    def test_can_be_asked_for(self):
        model = drawn()
        maps = list(attention_maps(model, images()).values())
        expected = rollout_in_numpy(maps, "mean", 0.0).mean(1)
        tokens = AttentionRollout(model, token_pooling="mean").tokens(images())
        np.testing.assert_allclose(tokens, expected, atol=1e-5)

    @pytest.mark.parametrize(
        ("kwargs", "rows"),
        [
            ({"token_pooling": "mean", "class_token": True}, slice(0, 13)),
            (
                {
                    "token_pooling": "patches",
                    "class_token": True,
                    "register_tokens": 9,
                },
                slice(10, 22),
            ),
            ({"distilled": True}, slice(0, 2)),
            ({"register_tokens": 4, "class_position": False}, slice(0, 1)),
        ],
    )
    def test_is_the_mean_of_the_tokens_that_the_model_pools(self, kwargs, rows):
        model = drawn(**kwargs, num_layers=2)
        maps = list(attention_maps(model, images(2)).values())
        expected = rollout_in_numpy(maps, "mean", 0.0)[:, rows].mean(1)
        rollout = AttentionRollout(model)
        tokens = rollout.tokens(images(2))
        np.testing.assert_allclose(tokens, expected, atol=1e-5)
        places = tokens[:, -12:].reshape(2, 3, 4)
        places = places / places.max((1, 2), keepdims=True)
        found = rollout(images(2))[:, 4::8, 4::8]
        np.testing.assert_allclose(
            found.argmax(2), places.argmax(2), rtol=0, atol=0
        )

    def test_is_weighted_by_the_scores_of_an_attention_pooling(self):
        model = drawn(
            token_pooling="attention", register_tokens=2, num_layers=2
        )
        *maps, scores = attention_maps(model, images(2)).values()
        assert scores.shape == (2, 3, 12)
        np.testing.assert_allclose(scores.sum(-1), 1.0, atol=1e-5)
        rows = rollout_in_numpy(maps, "mean", 0.0)[:, 2:]
        expected = np.einsum("bp,bpt->bt", scores.mean(1), rows)
        tokens = AttentionRollout(model).tokens(images(2))
        np.testing.assert_allclose(tokens, expected, atol=1e-5)
        plain = AttentionRollout(model, token_pooling="patches")
        np.testing.assert_allclose(
            plain.tokens(images(2)), rows.mean(1), atol=1e-5
        )


@pytest.mark.once
def test_does_not_depend_on_the_batch_size():
    rollout = AttentionRollout(drawn(), discard_ratio=0.5)
    np.testing.assert_allclose(
        rollout(images(), batch_size=2), rollout(images()), atol=1e-5
    )


@pytest.mark.once
def test_does_not_change_the_model():
    model = drawn()
    before = snapshot(model)
    AttentionRollout(model)(images())
    assert_same(snapshot(model), before)


@pytest.mark.once
def test_finds_a_token_that_all_others_look_at():
    """All keys are 0, except for one bright patch."""
    model = ViT(**{**SMALL, "num_heads": 1, "num_layers": 1})
    weights = {w.path: np.zeros(w.shape) for w in model.weights}
    for path, value in weights.items():
        if path.endswith("gamma"):
            value += 1.0
        if path.endswith("patch_embedding/kernel"):
            value[:, :, :, 0] = 1.0
        if path.endswith("qkv/bias"):
            value[0] = 20.0
        if path.endswith("qkv/kernel"):
            value[0, 24] = 1.0
    model.set_weights([weights[w.path] for w in model.weights])
    x = np.zeros((1, 24, 32, 3), "float32")
    x[:, 8:16, 24:] = 1.0
    found = AttentionRollout(model)(x)[0]
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 8 <= row < 16 and column >= 24
    assert found[:8, :16].max() < 0.01


@pytest.mark.once
def test_of_keras_own_attention():
    image = keras.Input((24, 32, 3))
    x = keras.layers.Conv2D(24, 8, 8, name="patches")(image)
    x = keras.layers.Reshape((12, 24))(x)
    x = keras.layers.Identity(name="tokens")(x)
    attentions = []
    for _ in range(2):
        attentions.append(keras.layers.MultiHeadAttention(3, 8))
        x = x + attentions[-1](x, x)
    theirs = keras.Model(image, x)
    found = AttentionRollout(theirs)
    tokens = found.tokens(images())
    assert found(images()).shape == (3, 24, 32)
    # Scores as returned by Keras itself.
    y = keras.Model(image, theirs.get_layer("tokens").output)(images())
    maps = []
    for attention in attentions:
        mixed, scores = attention(y, y, return_attention_scores=True)
        maps.append(keras.ops.convert_to_numpy(scores))
        y = y + mixed
    expected = rollout_in_numpy(maps, "mean", 0.0).mean(1)
    np.testing.assert_allclose(tokens, expected, atol=1e-5)


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"head_fusion": "sum"}, "head_fusion='sum'"),
        ({"discard_ratio": 1.0}, "discard_ratio=1.0"),
        ({"token_pooling": "max"}, "token_pooling='max'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        AttentionRollout(drawn(num_layers=1), **kwargs)


@pytest.mark.once
def test_a_model_without_attention_is_refused():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))
    with pytest.raises(ValueError, match="which has none"):
        AttentionRollout(model)
