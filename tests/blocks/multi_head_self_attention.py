import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from keras_attn import backend
from keras_attn.layers import MultiHeadSelfAttention
from keras_attn.weights import load_torch, to_torch
from tests.cases.drawn import Example, Tensor
from tests.cases.strategies import (
    BOOL,
    CHANNELS,
    COUNTS,
    NUMBERS,
    SIDE,
    SMALL,
    arguments,
)
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS
from tests.goldens import load_golden


def normalized(x, weights, name):
    """Normalises queries or keys."""
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def rotated(x):
    """Rotates two pairs per token of a 2 x 3 grid, as complex numbers."""
    places = np.meshgrid([-0.5, 0.5], [-2 / 3, 0, 2 / 3], indexing="ij")
    angles = 2 * np.pi * np.stack(places, axis=-1).reshape(6, 2)
    turned = (x[..., :2] + 1j * x[..., 2:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], axis=-1)


def reference(weights, x):
    """Computes three heads of four numbers, head by head."""
    qkv = x @ weights["qkv/kernel"] + weights.get("qkv/bias", 0.0)
    if "query_bias" in weights:
        qkv[..., :12] += weights["query_bias"]
        qkv[..., 24:] += weights["value_bias"]
    mixed = []
    for head in range(3):
        q, k, v = (
            qkv[..., start + 4 * head : start + 4 * head + 4]
            for start in (0, 12, 24)
        )
        if "query_norm/gamma" in weights:
            q = rotated(normalized(q, weights, "query_norm"))
            k = rotated(normalized(k, weights, "key_norm"))
        scores = np.exp(np.einsum("bid,bjd->bij", q, k) / 2.0)
        scores /= scores.sum(-1, keepdims=True)
        mixed.append(scores @ v)
    mixed = np.concatenate(mixed, -1)
    if "projection/kernel" not in weights:
        return mixed
    return mixed @ weights["projection/kernel"] + weights["projection/bias"]


CASES = (
    LayerCase(
        cls=MultiHeadSelfAttention,
        products_in_half=True,
        kwargs={"num_heads": 3, "head_dim": 4},
        shape=(5, 8),
        num_weights=4,
        reference=reference,
        formats=FORMATS[:1],
        masks=True,
    ),
    LayerCase(
        cls=MultiHeadSelfAttention,
        products_in_half=True,
        kwargs={
            "num_heads": 3,
            "qkv_bias": "query_value",
            "project": False,
            "dropout": 0.25,
            "seed": 3,
            "qk_norm": True,
            "rotary_grid": (2, 3),
        },
        shape=(6, 12),
        num_weights=7,
        name="bare_self_attention",
        fixed_size=True,
        smallest=None,
        reference=reference,
        formats=FORMATS[:1],
        masks=True,
        random=True,
    ),
)
REFUSED = {
    "num_heads": [*COUNTS, None],
    "head_dim": COUNTS,
    "dropout": [*NUMBERS, 1.0],
    "kernel_initializer": ["no such"],
    "bias_initializer": ["no such"],
    "epsilon": [*NUMBERS, -1.0],
}


@st.composite
def examples(draw):
    heads = draw(st.integers(1, 4))
    size = draw(st.none() | SMALL)
    many = st.integers(1, 3).map(lambda n: n * heads)
    channels = draw(CHANNELS if size else many)
    shape = draw(st.integers(1, 3)), draw(SIDE), channels
    optional = {
        "qkv_bias": BOOL,
        "project": BOOL,
        "dropout": st.sampled_from([0, 0.5]),
        "kernel_initializer": st.sampled_from(["he_normal", "zeros"]),
        "bias_initializer": st.sampled_from([None, "ones"]),
        "seed": st.none() | SMALL,
        "qk_norm": BOOL,
        "epsilon": st.sampled_from([1e-6, 0.5]),
    }
    kwargs = arguments(draw, optional=optional)
    kwargs |= {"num_heads": heads, "head_dim": size}
    mask = {"mask": Tensor(shape[:2], "bool", 2)}

    def outputs(shape, **call):
        inner = heads * (size or channels // heads)
        project = kwargs.get("project", True)
        return [(*shape[:2], channels if project else inner)]

    return Example(
        MultiHeadSelfAttention,
        kwargs,
        Tensor(shape),
        outputs,
        lambda shape, **call: [(shape[0], heads, shape[1], shape[1])],
        draw(st.sampled_from([{}, mask])),
    )


EXAMPLES = examples()


@contract(CASES, LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def tokens(shape=(2, 5, 8), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def drawn(**kwargs):
    layer = MultiHeadSelfAttention(num_heads=3, head_dim=4, **kwargs)
    layer.build((None, None, 8))
    random = np.random.default_rng(1)
    layer.set_weights(
        [random.normal(size=w.shape) for w in layer.get_weights()]
    )
    return layer


class TestAttention:
    def test_mixes_the_values_as_the_fused_operation_does(self):
        layer = drawn(project=False)
        x = tokens()
        scores = ops.convert_to_numpy(layer.attention(x))
        assert scores.shape == (2, 3, 5, 5)
        np.testing.assert_allclose(scores.sum(-1), 1.0, atol=1e-6)
        kernel, bias = layer.get_weights()
        values = (x @ kernel + bias)[..., 24:].reshape(2, 5, 3, 4)
        mixed = np.einsum("bhqk,bkhd->bqhd", scores, values).reshape(2, 5, 12)
        y = ops.convert_to_numpy(layer(x))
        np.testing.assert_allclose(y, mixed, atol=1e-5 * np.abs(mixed).max())

    @pytest.mark.each_backend
    def test_is_finite_if_a_product_overflows_float16(self):
        layer = MultiHeadSelfAttention(1, dtype="mixed_float16")
        layer.build((None, None, 64))
        # 64 * 40 * 40 is above 65504, but an eighth of it is not.
        layer.qkv.kernel.assign(np.tile(40 * np.eye(64), 3))
        x = np.ones((1, 3, 64), "float32")
        scores = layer.attention(x)
        assert keras.backend.standardize_dtype(scores.dtype) == "float32"
        np.testing.assert_allclose(ops.convert_to_numpy(scores), 1 / 3)
        assert np.isfinite(ops.convert_to_numpy(layer(x))).all()

    def test_builds_the_layer(self):
        layer = MultiHeadSelfAttention(2)
        assert layer.attention(tokens()).shape == (2, 2, 5, 5)


@pytest.mark.each_backend
class TestMask:
    def test_ignores_masked_tokens(self):
        layer = drawn()
        x = tokens()
        mask = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 1, 1]], "bool")
        y = ops.convert_to_numpy(layer(x, mask=ops.convert_to_tensor(mask)))
        for image, kept in zip(range(2), mask, strict=True):
            alone = layer(x[image : image + 1, kept])
            np.testing.assert_allclose(
                y[image, kept], ops.convert_to_numpy(alone)[0], atol=1e-5
            )
        scores = ops.convert_to_numpy(layer.attention(x, mask=mask))
        assert (scores.transpose(0, 3, 1, 2)[~mask] == 0).all()

    def test_without_any_token_is_finite_with_a_gradient(self):
        layer = drawn()
        mask = ops.zeros((2, 5), "bool")
        value, gradient = backend.value_and_gradient(
            lambda x: ops.sum(layer(x, mask=mask)), tokens()
        )
        assert np.isfinite(ops.convert_to_numpy(value))
        assert np.isfinite(ops.convert_to_numpy(gradient)).all()


class TestDropout:
    def test_of_the_scores_keeps_the_mean(self):
        layer = drawn(dropout=0.5, seed=1, project=False)
        x = tokens()
        expected = ops.convert_to_numpy(layer(x))
        draws = [
            ops.convert_to_numpy(layer(x, training=True)) for _ in range(400)
        ]
        assert np.abs(draws[0] - expected).max() > 0.1
        spread = np.std(draws, axis=0) / 400**0.5
        assert (np.abs(np.mean(draws, axis=0) - expected) < 5 * spread).all()


@pytest.mark.each_backend
class TestKerasFeatures:
    def test_lora_trains_two_small_matrices(self):
        layer = drawn()
        before = ops.convert_to_numpy(layer(tokens()))
        layer.qkv.enable_lora(rank=2)
        assert not layer.qkv._kernel.trainable
        np.testing.assert_allclose(
            ops.convert_to_numpy(layer(tokens())), before, atol=1e-5
        )

    def test_int8_is_close(self):
        layer = drawn()
        before = ops.convert_to_numpy(layer(tokens()))
        layer.qkv.quantize("int8")
        layer.projection.quantize("int8")
        after = ops.convert_to_numpy(layer(tokens()))
        assert not np.array_equal(after, before)
        np.testing.assert_allclose(
            after, before, atol=0.05 * np.abs(before).max()
        )


SPELLINGS = (
    ("qkv.", "proj."),
    ("to_qkv.", "to_out.0."),
    ("in_proj_", "out_proj."),
)


def named(spelling):
    """Returns the arrays of a recorded layer under other names."""
    found = {}
    for name, array in load_golden("timm_vit")["weights"].items():
        for timm, other in zip(SPELLINGS[0], spelling, strict=True):
            start = f"blocks.0.attn.{timm}"
            if name.startswith(start):
                found[other + name.removeprefix(start)] = array
    assert len(found) == 4
    return found


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_names_of_three_packages(spelling):
    layer = MultiHeadSelfAttention(3)
    layer.build((None, None, 24))
    load_torch(layer, named(spelling))
    for name, array in to_torch(layer).items():
        np.testing.assert_array_equal(array, named(SPELLINGS[0])[name])


@pytest.mark.parametrize(
    ("kwargs", "shape", "message"),
    [
        ({"num_heads": 0}, (2, 3, 4), "num_heads=0"),
        ({"num_heads": 2, "head_dim": 1.5}, (2, 3, 4), "head_dim=1.5"),
        ({"num_heads": 2, "dropout": 1}, (2, 3, 4), "dropout=1"),
        ({"num_heads": 3}, (2, 3, 4), "4 channels, num_heads=3"),
        ({"num_heads": 2, "qkv_bias": "key"}, (2, 3, 4), "qkv_bias='key'"),
        ({"num_heads": 2, "rotary_grid": 2}, (2, 4, 12), "heads of 6"),
        ({"num_heads": 1, "rotary_grid": 2}, (2, 3, 8), "3 tokens"),
        ({"num_heads": 2}, (2, 3, None), "channels must be known"),
    ],
)
def test_bad_arguments(kwargs, shape, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadSelfAttention(**kwargs).build(shape)
