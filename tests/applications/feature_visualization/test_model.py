import json
import shutil

import keras
import numpy as np
import pytest

from applications.feature_visualization import model as networks
from applications.feature_visualization.config import Config
from keras_attn.layers import MeanImage

CONFIG = Config(size=12, crop=9, filters="4,4,4,4,4", units=8)
CONVOLUTIONS = ("stage1_conv", "stage2_conv", "stage3", "stage4", "stage5_conv")


def build(**settings):
    config = Config(**{**CONFIG.to_dict(), **settings})
    return networks.build_model(config, 10, steps=5)


def kernels(model):
    return {
        layer.name: keras.ops.convert_to_numpy(layer.kernel)
        for layer in model.layers
        if hasattr(layer, "kernel")
    }


def largest_rms(model):
    """Returns the RMS of all filters of the convolutions."""
    found = kernels(model)
    return max(
        float(np.sqrt(np.mean(found[name] ** 2, axis=(0, 1, 2))).max())
        for name in CONVOLUTIONS
    )


def test_the_mean_image_comes_first():
    model = build()
    assert isinstance(model.layers[1], MeanImage)
    assert model.layers[1].name == networks.MEAN
    assert model.input_shape == (None, 9, 9, 1)
    assert model.output_shape == (None, 10)


def test_channels_come_first_if_keras_has_them_so():
    keras.config.set_image_data_format("channels_first")
    assert build(channels=3).input_shape == (None, 3, 9, 9)


def test_kernels_start_as_asked_for():
    wide = {"filters": "64,64,64,64,64", "units": 64}
    paper = kernels(build(**wide, initializer="paper"))
    he = kernels(build(**wide, initializer="he"))
    for name, kernel in paper.items():
        # 640 weights of the classifier estimate it to about 3 %.
        np.testing.assert_allclose(kernel.std(), 0.01, rtol=0.1)
        expected = np.sqrt(2 / np.prod(he[name].shape[:-1]))
        if name in ("stage1_conv", "classifier"):
            expected = 0.01
        np.testing.assert_allclose(he[name].std(), expected, rtol=0.1)


@pytest.mark.parametrize("limit", [0.1, 0.0])
def test_a_step_brings_filters_to_the_limit_if_there_is_one(limit):
    model = build(constraint=limit)
    for name in CONVOLUTIONS:
        kernel = model.get_layer(name).kernel
        kernel.assign(np.full(kernel.shape, 0.3))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 9, 9, 1)).astype("float32")
    model.train_on_batch(images, np.arange(4))
    if limit:
        assert largest_rms(model) <= limit * (1 + 1e-5)
    else:
        assert largest_rms(model) > 0.2


def test_the_rate_is_constant_or_falls_to_0():
    assert networks.learning_rate(Config(), 5) == 1e-2
    schedule = networks.learning_rate(Config(schedule="cosine", epochs=2), 5)
    rates = [float(schedule(step)) for step in (0, 5, 10)]
    np.testing.assert_allclose(rates, [1e-2, 5e-3, 0], atol=1e-9)


def test_decay_and_momentum_are_the_optimizers():
    optimizer = build(momentum=0.5, weight_decay=0.25).optimizer
    assert optimizer.momentum == 0.5 and optimizer.weight_decay == 0.25
    assert build(weight_decay=0.0).optimizer.weight_decay is None


class TestLoadModel:
    def test_a_run_is_its_model_names_and_facts(self, trained):
        loaded = networks.load_model(trained)
        assert len(loaded.class_names) == 10
        assert loaded.config.seed == 1
        assert loaded.config.crop == 9
        assert loaded.data_format == "channels_last"
        same = networks.load_model(trained / "model.keras")
        images = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 1))
        np.testing.assert_array_equal(
            loaded.model.predict(images.astype("float32"), verbose=0),
            same.model.predict(images.astype("float32"), verbose=0),
        )

    def test_filters_of_a_run_are_within_its_limit(self, trained):
        loaded = networks.load_model(trained)
        assert largest_rms(loaded.model) <= 0.08 * (1 + 1e-5)

    def test_a_missing_model_is_named(self, tmp_path):
        with pytest.raises(ValueError, match="there is no such model"):
            networks.load_model(tmp_path)

    def test_a_model_without_its_facts_is_refused(self, trained, tmp_path):
        shutil.copy(trained / "model.keras", tmp_path)
        with pytest.raises(ValueError, match="there is no run.json next to it"):
            networks.load_model(tmp_path)

    def test_a_broken_model_is_refused(self, trained, tmp_path):
        shutil.copy(trained / "run.json", tmp_path)
        (tmp_path / "model.keras").write_bytes(b"nothing")
        with pytest.raises(ValueError, match="not a model that can be loaded"):
            networks.load_model(tmp_path)

    @pytest.mark.parametrize(
        "change, message",
        [
            ({"class_names": ["a", "b"]}, r"outputs \[\(10,\)\].*\['a', 'b'\]"),
            ({"settings": {"crop": 10}}, "images of 10 pixels per side"),
            ({"settings": {"colour": 1}}, "not settings of this task"),
            ({"settings": {"crop": "9"}}, "crop is '9'"),
            ({"settings": {"crop": 2}}, "--crop must be"),
            ({"settings": None}, "run.json: not the facts of a run"),
        ],
    )
    def test_facts_of_another_model_are_refused(
        self, trained, tmp_path, change, message
    ):
        shutil.copy(trained / "model.keras", tmp_path)
        facts = json.loads((trained / "run.json").read_text())
        settings = {**facts["settings"], **(change.get("settings") or {})}
        if change.get("settings"):
            change = {"settings": settings}
        facts = {**facts, **change}
        (tmp_path / "run.json").write_text(json.dumps(facts))
        with pytest.raises(ValueError, match=message):
            networks.load_model(tmp_path)

    def test_a_model_without_a_mean_image_is_refused(self, trained, tmp_path):
        shutil.copy(trained / "run.json", tmp_path)
        model = keras.Sequential(
            [keras.Input((9, 9, 1)), keras.layers.Flatten()]
        )
        model.save(tmp_path / "model.keras")
        with pytest.raises(ValueError, match="has no layer mean_image"):
            networks.load_model(tmp_path)
