import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from keras_attn.layers import AttentionToScale
from tests.cases.drawn import Example, Tensor
from tests.cases.equations import relu
from tests.cases.explained_in_numpy import softmax
from tests.cases.scales import resize_images
from tests.cases.strategies import BOOL, COUNTS, SIDE, SMALL, arguments, layouts
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.calls import gradients
from tests.contracts.cases import draw_weights, weights_of
from tests.contracts.devices import (
    FORMATS,
    format_error,
    from_format,
    to_format,
)
from tests.marks import once_but_first


def convolve_3x3(x, kernel, bias):
    height, width = x.shape[1:3]
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return bias + sum(
        x[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(3)
        for j in range(3)
    )


def scale_weights(weights, features, size):
    x = [resize_images(each, size) for each in features]
    x = np.concatenate(x, axis=3)
    x = convolve_3x3(x, weights["hidden/kernel"], weights["hidden/bias"])
    x = relu(x) @ weights["logits/kernel"][0, 0] + weights["logits/bias"]
    return softmax(x)


def attention_to_scale(weights, scores):
    size = scores[0].shape[1:3]
    shares = scale_weights(weights, scores, size)
    return sum(
        shares[..., s : s + 1] * resize_images(each, size)
        for s, each in enumerate(scores)
    )


def average(weights, scores):
    maps = [resize_images(each, scores[0].shape[1:3]) for each in scores]
    return np.mean(maps, axis=0)


def maximum(weights, scores):
    maps = [resize_images(each, scores[0].shape[1:3]) for each in scores]
    return np.max(maps, axis=0)


SHAPES = [(6, 5, 3), (3, 3, 3), (4, 2, 3)]


CASES = (
    LayerCase(
        cls=AttentionToScale,
        products_in_half=True,
        kwargs={"filters": 8, "seed": 1},
        shape=SHAPES,
        num_weights=4,
        random=True,
        reference=attention_to_scale,
    ),
    LayerCase(
        cls=AttentionToScale,
        kwargs={"merge": "average"},
        shape=SHAPES,
        reference=average,
    ),
    LayerCase(
        cls=AttentionToScale,
        kwargs={"merge": "maximum"},
        shape=SHAPES,
        reference=maximum,
    ),
)
REFUSED = {
    "merge": ["mean", None, ["attention"]],
    "filters": [*COUNTS, None],
    "dropout": [1.0, -0.1, "0.5", None, float("nan")],
}


@st.composite
def examples(draw):
    layout = draw(layouts())
    batch, classes, width = (draw(n) for n in (st.integers(1, 3), SMALL, SMALL))
    scales = draw(st.integers(2, 3))

    def maps(channels):
        sizes = [(draw(SIDE), draw(SIDE)) for _ in range(scales)]
        return [Tensor(layout.shape(batch, *s, channels)) for s in sizes]

    merge = st.sampled_from(["attention", "average", "maximum"])
    kwargs = arguments(
        draw,
        layout,
        {"merge": merge, "filters": SMALL},
        {"dropout": st.sampled_from([0, 0.5]), "seed": st.none() | SMALL},
    )
    call = {"features": maps(width)} if draw(BOOL) else {}

    def attention(shapes, **call):
        return [(*layout.sides(shapes[0])[:3], scales)]

    return Example(
        AttentionToScale,
        kwargs,
        maps(classes),
        lambda shapes, **call: [shapes[0]],
        attention,
        call,
    )


EXAMPLES = examples()


@contract(CASES, LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def random(*shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return values.astype("float32")


SCORES = [random(2, 6, 5, 3), random(2, 3, 3, 3, seed=1)]
FEATURES = [random(2, 6, 5, 7, seed=2), random(2, 3, 3, 7, seed=3)]


def built(data_format="channels_last", **kwargs):
    layer = AttentionToScale(filters=4, data_format=data_format, **kwargs)
    shapes = [
        [to_format(x, data_format).shape for x in maps]
        for maps in (SCORES, FEATURES)
    ]
    layer.build(shapes[0], shapes[1])
    draw_weights(layer, np.random.default_rng(4))
    return layer


@pytest.mark.parametrize("data_format", FORMATS)
def test_uses_features(data_format):
    if reason := format_error(data_format):
        pytest.skip(reason)
    layer = built(data_format)
    weights = scale_weights(weights_of(layer), FEATURES, (6, 5))
    assert weights.std() > 0.05
    expected = weights[..., :1] * SCORES[0]
    expected += weights[..., 1:] * resize_images(SCORES[1], (6, 5))
    scores, features = (
        [to_format(x, data_format) for x in maps] for maps in (SCORES, FEATURES)
    )
    y = ops.convert_to_numpy(layer(scores, features=features))
    np.testing.assert_allclose(
        from_format(y, data_format), expected, rtol=0, atol=1e-5
    )
    found = ops.convert_to_numpy(layer.attention(scores, features=features))
    np.testing.assert_allclose(found, weights, rtol=0, atol=1e-6)


def test_weights_sum_to_one_over_scales():
    weights = built().attention(SCORES, features=FEATURES)
    assert tuple(weights.shape) == (2, 6, 5, 2)
    sums = ops.convert_to_numpy(ops.sum(weights, axis=3))
    np.testing.assert_allclose(sums, 1.0, rtol=1e-6)


def test_the_weights_of_an_average_are_equal():
    weights = AttentionToScale("average").attention(SCORES)
    np.testing.assert_array_equal(ops.convert_to_numpy(weights), 0.5)
    assert tuple(weights.shape) == (2, 6, 5, 2)


@pytest.mark.parametrize("data_format", FORMATS)
def test_the_weights_of_a_maximum_are_fractions_of_the_classes(data_format):
    scores = np.array([3.0, 1, 1, 1]), np.array([0.0, 2, 2, 0])
    scores = [
        to_format(each.reshape(1, 1, 1, 4).astype("float32"), data_format)
        for each in scores
    ]
    layer = AttentionToScale("maximum", data_format=data_format)
    weights = ops.convert_to_numpy(layer.attention(scores))
    np.testing.assert_array_equal(weights, [[[[0.5, 0.5]]]])


def test_attention_builds_the_layer():
    layer = AttentionToScale(filters=4)
    weights = layer.attention(SCORES, features=FEATURES)
    assert len(layer.weights) == 4
    assert tuple(layer.hidden.kernel.shape) == (3, 3, 14, 4)
    assert tuple(weights.shape) == (2, 6, 5, 2)


def test_starts_close_to_an_average():
    layer = AttentionToScale(filters=4)
    weights = layer.attention(SCORES)
    np.testing.assert_allclose(
        ops.convert_to_numpy(weights), 0.5, rtol=0, atol=0.1
    )


def test_equal_scales_are_unchanged_for_any_weights():
    layer = built()
    y = layer([SCORES[0], SCORES[0]], features=[FEATURES[0], FEATURES[0]])
    np.testing.assert_allclose(ops.convert_to_numpy(y), SCORES[0], atol=1e-6)


@pytest.mark.each_backend
@pytest.mark.parametrize("merge", ["attention", "average", "maximum"])
@pytest.mark.parametrize(
    "dtype", once_but_first(["mixed_float16", "float32", "mixed_bfloat16"])
)
def test_is_finite_for_extreme_inputs(dtype, merge):
    inputs = {
        # Larger features would overflow float16 in the convolution.
        "large": [1e2 * np.clip(x, -3, 3) for x in SCORES],
        "constant": [np.full_like(x, 3) for x in SCORES],
        "zero": [np.zeros_like(x) for x in SCORES],
        "one pixel": [x[:, :1, :1] for x in SCORES],
        "a batch of one": [x[:1] for x in SCORES],
    }
    for what, scores in inputs.items():
        layer = AttentionToScale(merge, filters=4, dtype=dtype)
        y = ops.convert_to_numpy(ops.cast(layer(scores), "float32"))
        assert np.isfinite(y).all(), what
        for name, array in gradients(layer, scores).items():
            finite = np.isfinite(array.astype("float32"))
            assert finite.all(), f"{what}: {name}"


def test_dropout_is_applied_in_training_only():
    keras.utils.set_random_seed(0)
    layer = built(seed=0)
    calm, other, trained = (
        ops.convert_to_numpy(
            layer(SCORES, features=FEATURES, training=training)
        )
        for training in (False, False, True)
    )
    np.testing.assert_array_equal(calm, other)
    assert np.abs(trained - calm).max() > 1e-3


@pytest.mark.parametrize(
    ("scores", "features", "message"),
    [
        (SCORES[:1], None, "two scales or more"),
        (SCORES[0], None, "two scales or more"),
        ([SCORES[0], SCORES[1][..., :2]], None, "must have the same classes"),
        (SCORES, FEATURES[:1], "as many features as score maps"),
    ],
)
def test_rejects_bad_inputs(scores, features, message):
    with pytest.raises(ValueError, match=message):
        AttentionToScale(filters=2)(scores, features=features)
