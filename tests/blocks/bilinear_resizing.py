import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from keras_attn.layers import BilinearResizing
from tests.cases.drawn import Example, Tensor
from tests.cases.scales import resize_images
from tests.cases.strategies import BOOL, COUNTS, SIDE, arguments, images
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import (
    FORMATS,
    format_error,
    from_format,
    to_format,
)
from tests.contracts.extremes import check_extremes
from tests.goldens import load_golden

CASES = (
    LayerCase(
        cls=BilinearResizing,
        kwargs={"height": 9, "width": 4},
        shape=(6, 5, 2),
        reference=lambda weights, x: resize_images(x, (9, 4)),
    ),
    LayerCase(
        cls=BilinearResizing,
        kwargs={"scale_factor": 0.5},
        shape=(7, 4, 2),
        reference=lambda weights, x: resize_images(x, (4, 2)),
    ),
    LayerCase(
        cls=BilinearResizing,
        kwargs={"scale_factor": 1.5, "align_corners": False},
        shape=(6, 5, 2),
        reference=lambda weights, x: resize_images(x, (9, 7), False),
    ),
)
REFUSED = {
    "height": COUNTS,
    "width": COUNTS,
    "scale_factor": [0, -1.0, "2", True, float("nan"), float("inf")],
}


@st.composite
def examples(draw):
    layout, x = draw(images())
    optional = {"align_corners": BOOL}
    kind = draw(st.sampled_from(["factor", "size", "factor", "like"]))
    if kind == "size":
        required = {"height": SIDE, "width": SIDE}
    elif kind == "factor":
        # One pixel must not become zero pixels.
        factors = [1.5, 0.5, 0.75, 1, 2, 3.0]
        required = {"scale_factor": st.sampled_from(factors)}
    else:
        required = {}
    kwargs = arguments(draw, layout, required, optional)
    if kind == "factor" and kwargs["scale_factor"] < 1:
        kwargs["align_corners"] = True
    call = {}
    if kind == "like":
        call["like"] = Tensor(draw(images())[1].shape)

    def side(n):
        factor = kwargs["scale_factor"]
        if n is None:
            return None
        if kwargs.get("align_corners", True):
            return int((n - 1) * factor) + 1
        return int(n * factor)

    def outputs(shape, like=None):
        _, height, width, _ = layout.sides(shape)
        size = kwargs.get("height"), kwargs.get("width")
        if kind == "factor":
            size = side(height), side(width)
        elif kind == "like":
            size = layout.sides(like)[1:3]
        return [layout.resized(shape, *size)]

    return Example(BilinearResizing, kwargs, x, outputs, call=call)


EXAMPLES = examples()


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("name", ["y_up", "y_down"])
def test_matches_pytorch(name, data_format):
    golden = load_golden("resize_align")
    expected = golden[name]
    layer = BilinearResizing(*expected.shape[1:3], data_format=data_format)
    y = ops.convert_to_numpy(layer(to_format(golden["x"], data_format)))
    np.testing.assert_allclose(
        from_format(y, data_format), expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("side", "factor", "expected"),
    [
        (321, 0.5, 161),
        (321, 0.75, 241),
        (513, 0.5, 257),
        (101, 0.29, 30),
        (300, 0.5, 150),
        (1, 0.5, 1),
        (3, 2, 5),
    ],
)
def test_a_factor_keeps_the_corners(side, factor, expected):
    layer = BilinearResizing(scale_factor=factor, data_format="channels_last")
    x = np.linspace(0, 1, side, dtype="float32").reshape(1, 1, side, 1)
    y = ops.convert_to_numpy(layer(x))
    assert y.shape == (1, 1, expected, 1)
    assert layer.compute_output_shape(x.shape) == y.shape
    places = np.linspace(0, 1 if side > 1 else 0, expected)
    np.testing.assert_allclose(y[0, 0, :, 0], places, rtol=0, atol=1e-6)


def test_a_factor_without_corners_matches_pytorch():
    layer = BilinearResizing(scale_factor=0.29, align_corners=False)
    assert layer.compute_output_shape((1, 100, 101, 2))[1:3] == (29, 29)


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.each_backend
class TestLike:
    """Resizing to the size of other images."""

    def test_eager(self):
        layer = BilinearResizing(data_format="channels_last")
        x = random(2, 3, 4, 5)
        y = layer(x, like=np.zeros((2, 7, 6, 1)))
        np.testing.assert_allclose(
            ops.convert_to_numpy(y), resize_images(x, (7, 6)), atol=1e-5
        )

    @pytest.mark.parametrize("data_format", FORMATS)
    def test_sizes_only_known_at_run_time(self, data_format):
        if reason := format_error(data_format):
            pytest.skip(reason)
        size = (None, None)
        first = data_format == "channels_first"
        image = keras.Input((3, *size) if first else (*size, 3))
        small = BilinearResizing(scale_factor=0.5, data_format=data_format)
        back = BilinearResizing(data_format=data_format)
        model = keras.Model(image, back(small(image), like=image))
        assert model.output.shape == image.shape
        for size in ((9, 7), (6, 12)):
            x = random(2, *size, 3)
            y = model.predict(to_format(x, data_format), verbose=0)
            half = resize_images(x, [(n - 1) // 2 + 1 for n in size])
            np.testing.assert_allclose(
                from_format(y, data_format),
                resize_images(half, size),
                rtol=0,
                atol=1e-5,
            )

    def test_the_size_of_the_images_changes_nothing(self):
        x = random(2, 3, 4, 5)
        y = BilinearResizing(data_format="channels_last")(x, like=x)
        np.testing.assert_array_equal(ops.convert_to_numpy(y), x)
        # In a model, where both are one symbolic tensor.
        image = keras.Input((None, None, 5))
        layer = BilinearResizing(data_format="channels_last")
        model = keras.Model(image, layer(image, like=image))
        np.testing.assert_array_equal(model.predict(x, verbose=0), x)

    def test_the_channels_of_like_do_not_matter(self):
        layer = BilinearResizing(data_format="channels_first")
        shape = layer.compute_output_shape((None, 3, 4, 5), (None, 9, 7, 6))
        assert shape == (None, 3, 7, 6)


@pytest.mark.each_backend
def test_large_sizes_are_exact():
    # `i (m - 1) / (n - 1)` in float32 would be wrong by 2e-4 here.
    source, target = 4_000, 3_801
    line = np.arange(source) % 2
    layer = BilinearResizing(1, target, data_format="channels_last")
    x = line.astype("float32").reshape(1, 1, -1, 1)
    y = ops.convert_to_numpy(layer(x)).ravel()
    places = np.arange(target) * ((source - 1) / (target - 1))
    expected = np.interp(places, np.arange(source), line)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"height": 3}, "must be given together"),
        ({"width": 3}, "must be given together"),
        ({"height": 0, "width": 3}, "`height` must be a positive integer"),
        ({"height": 3, "width": 2.5}, "`width` must be a positive integer"),
        ({"scale_factor": 0}, r"`scale_factor` must be a number in \(0, inf\)"),
        (
            {"scale_factor": "1"},
            r"`scale_factor` must be a number in \(0, inf\)",
        ),
        (
            {"scale_factor": True},
            r"`scale_factor` must be a number in \(0, inf\)",
        ),
        (
            {"height": 3, "width": 3, "scale_factor": 2},
            "`scale_factor` must be None if",
        ),
    ],
)
def test_rejects_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        BilinearResizing(**kwargs)


@pytest.mark.parametrize(
    ("kwargs", "like"),
    [
        ({}, None),
        ({"scale_factor": 2}, np.zeros((1, 2, 2, 1))),
        ({"height": 3, "width": 3}, np.zeros((1, 2, 2, 1))),
    ],
)
def test_rejects_no_size_or_two_sizes(kwargs, like):
    with pytest.raises(ValueError, match="`like` must be given if, and only"):
        BilinearResizing(**kwargs)(np.zeros((1, 4, 4, 1)), like=like)
