import re

import keras
import numpy as np
import pytest

from applications.semantic_segmentation import model as networks
from applications.semantic_segmentation.config import Config
from keras_attn.applications.deeplab import graph
from keras_attn.weights import to_torch

WHOLE = graph.STAGES
pytestmark = pytest.mark.usefixtures("small")


def config(**kwargs):
    common = {"filters": 8, "attention_filters": 4, "weights": "none"}
    return Config(**common | kwargs)


def images(*size):
    random = np.random.default_rng(0)
    return random.normal(size=(2, *size, 3)).astype("float32")


@pytest.mark.parametrize(
    "kwargs",
    [
        {"scales": "1"},
        {"scales": "1", "skips": "image,stage2"},
        {"scales": "1,0.5"},
        {"scales": "0.75,0.5", "skips": "image,stage1"},
        {"scales": "1,0.5", "skips": "image", "extra_supervision": True},
        {"scales": "1,0.5", "merge": "maximum"},
    ],
    ids=str,
)
def test_the_two_parts_are_the_whole(kwargs):
    whole = networks.build_model(config(**kwargs), 3)
    trunk, rest = networks.cut(whole, config(**kwargs))
    x = images(33, 41)
    found = networks.main_output(
        rest.predict(trunk.predict(x, verbose=0), verbose=0)
    )
    expected = networks.main_output(whole.predict(x, verbose=0))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    names = {weight.path for weight in rest.trainable_weights}
    assert not any(name.startswith("stage") for name in names)
    assert any(name.startswith("fc6") for name in names)


def test_weights_of_a_network_for_pytorch(tmp_path, monkeypatch):
    # Names exist for whole networks only.
    stages = tuple((4, count) for _, count in WHOLE)
    monkeypatch.setattr(graph, "STAGES", stages)
    first = networks.build_model(config(), 3)
    arrays = to_torch(first)
    path = tmp_path / "vgg.npz"
    np.savez(path, **arrays)
    whole = networks.build_model(config(weights=str(path)), 3)
    for one, other in zip(
        first.get_weights(), whole.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    # A missing frozen convolution would stay random.
    del arrays[next(name for name in arrays if "features4.1" in name)]
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="1 arrays .* are missing") as caught:
        networks.build_model(config(weights=str(path)), 3)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras", "a.txt", "a.npz"])
def test_weights_that_are_damaged_are_named(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=re.escape(str(path))):
        networks.build_model(config(weights=str(path)), 3)


def test_digests_tell_weights_apart(tmp_path):
    path = tmp_path / "a.npz"
    found = {networks.digest_of("none"), networks.digest_of("hed")}
    for content in (b"1", b"2"):
        path.write_bytes(content)
        found.add(networks.digest_of(str(path)))
    assert len(found) == 4
    with pytest.raises(ValueError, match="must be hed, none or a file"):
        networks.digest_of(str(tmp_path / "b.npz"))


class TestLoad:
    def test_a_run(self, trained):
        for path in (trained, trained / "model.keras"):
            loaded = networks.load_model(path)
            assert loaded.class_names == ["red", "blue", "white"]
            assert loaded.palette.shape == (3, 3)
            assert loaded.config.scale_list == (1, 0.5)
            assert loaded.data_format == keras.config.image_data_format()
            # Only the merged scores, of any size.
            assert tuple(loaded.model.output.shape) == (None, None, None, 3)

    def test_bad_files(self, trained, tmp_path):
        with pytest.raises(ValueError, match="there is no such model"):
            networks.load_model(tmp_path)
        (tmp_path / "model.keras").write_bytes(b"no model")
        with pytest.raises(ValueError, match="there is no run.json next to it"):
            networks.load_model(tmp_path)
        facts = (trained / "run.json").read_text()
        (tmp_path / "run.json").write_text(facts)
        with pytest.raises(ValueError, match="not a model that can be loaded"):
            networks.load_model(tmp_path)
