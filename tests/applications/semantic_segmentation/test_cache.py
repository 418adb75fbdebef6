import keras
import numpy as np
import pytest

from applications.semantic_segmentation import cache
from applications.semantic_segmentation.views import (
    preprocess,
    read_view,
    views_of,
)
from tests.applications.semantic_segmentation.test_views import scenes


def trunk(outputs=2, seed=0, gain=1.0):
    """A model that outputs a convolution and the image."""
    image = keras.Input((None, None, 3))
    kernel = keras.initializers.RandomNormal(stddev=gain, seed=seed)
    x = keras.layers.Conv2D(4, 3, strides=8, kernel_initializer=kernel)(image)
    return keras.Model(image, [x, image][:outputs])


def features(model, folder, **kwargs):
    found = scenes()
    options = {"facts": {"data": "a"}, "verbose": 0} | kwargs
    views = views_of(found, 2, mirror=False)
    return cache.features_of(model, found, views, 33, folder, **options)


@pytest.mark.parametrize("outputs", [1, 2])
def test_are_what_the_layers_see_of_each_view(outputs, tmp_path):
    model = trunk(outputs)
    arrays, masks = features(model, tmp_path)
    found = scenes()
    for i, view in enumerate(views_of(found, 2, mirror=False)):
        image, mask = read_view(found, view, 33)
        np.testing.assert_array_equal(masks[i], mask)
        expected = model.predict(
            preprocess(image[None], "channels_last"), verbose=0
        )
        expected = expected if outputs > 1 else [expected]
        for array, y in zip(arrays, expected, strict=True):
            assert array.dtype == "float16"
            np.testing.assert_allclose(array[i], y[0], rtol=1e-3, atol=1e-2)


class Counted(Exception):
    """Raised when features are computed."""


def raise_counted(*_):
    raise Counted


@pytest.mark.parametrize(
    ("other", "computes"),
    [({}, False), ({"facts": {"data": "b"}}, True), ({"model": 1}, True)],
)
def test_are_computed_for_new_facts_and_weights_only(
    other, computes, tmp_path, monkeypatch
):
    first, _ = features(trunk(), tmp_path)
    monkeypatch.setattr(cache, "_compute", raise_counted)
    model = trunk(seed=other.pop("model", 0))
    if computes:
        with pytest.raises(Counted):
            features(model, tmp_path, **other)
        return
    again, _ = features(model, tmp_path, **other)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_a_killed_process_left_is_written_over(tmp_path, monkeypatch):
    half = cache._half
    calls = []

    def die_at_the_third(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return half(*args)

    monkeypatch.setattr(cache, "_half", die_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        features(trunk(), tmp_path)
    monkeypatch.setattr(cache, "_half", half)
    arrays, _ = features(trunk(), tmp_path)
    expected, _ = features(trunk(), tmp_path / "other")
    for one, two in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", ["features0.npy", "masks.npy"])
def test_a_damaged_file_is_reported_and_computed_again(tmp_path, name, capsys):
    expected = [np.array(x) for x in features(trunk(), tmp_path)[0]]
    (path,) = tmp_path.glob(f"*/{name}")
    path.write_bytes(path.read_bytes()[:-9])
    arrays, _ = features(trunk(), tmp_path)
    for one, two in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, two)
    assert capsys.readouterr().err.startswith(f"{path}: damaged (")


def test_numbers_beyond_half_precision_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must fit into half precision"):
        features(trunk(gain=1e4), tmp_path)
    assert not list(tmp_path.glob("*/done.json"))
