import dataclasses

import keras
import numpy as np
import pytest

from applications.common.saved import Loaded
from applications.facial_expression.model import augmented, load_model


@pytest.fixture(scope="module")
def loaded(trained):
    return load_model(trained)


@pytest.fixture(scope="module")
def model():
    image = keras.Input((16, 16, 1))
    return keras.Model(image, augmented(image, seed=4))


class TestAugmentation:
    def test_changes_images_in_training_and_keeps_their_range(self, model):
        images = np.random.default_rng(0).random((4, 16, 16, 1), "float32")
        changed = keras.ops.convert_to_numpy(model(images, training=True))
        assert np.abs(changed - images).max() > 0.1
        assert changed.min() >= 0 and changed.max() <= 1

    def test_does_nothing_afterwards(self, model):
        images = np.random.default_rng(0).random((4, 16, 16, 1), "float32")
        same = keras.ops.convert_to_numpy(model(images, training=False))
        np.testing.assert_array_equal(same, images)


class TestLoading:
    def test_finds_names_and_settings_beside_the_model(self, loaded, trained):
        assert loaded.class_names == ["above", "below"]
        assert loaded.config.seed == 1
        assert loaded.shape == (16, 16, 1)
        file = load_model(trained / "model.keras", ["a", "b"])
        assert file.class_names == ["a", "b"]

    def test_needs_names_where_there_are_none(self, trained, tmp_path):
        path = tmp_path / "alone.keras"
        path.write_bytes((trained / "model.keras").read_bytes())
        with pytest.raises(ValueError, match="Pass --class-names"):
            load_model(path)
        assert load_model(path, ["a", "b"]).class_names == ["a", "b"]

    def test_names_must_be_as_many_as_outputs(self, trained):
        with pytest.raises(ValueError, match=r"\(2,\).*3 class names"):
            load_model(trained, ["a", "b", "c"])

    def test_a_missing_or_broken_file_is_named(self, tmp_path):
        with pytest.raises(ValueError, match="none.keras: there is no such"):
            load_model(tmp_path / "none.keras")
        (tmp_path / "text.keras").write_text("text")
        with pytest.raises(ValueError, match="text.keras: not a model"):
            load_model(tmp_path / "text.keras")

    def test_channels_are_found_on_either_side(self, loaded):
        image = keras.Input((3, 16, 32))
        model = keras.Model(image, keras.layers.Flatten()(image))
        other = dataclasses.replace(loaded, model=model)
        assert isinstance(other, Loaded)
        assert other.data_format == "channels_first"
        assert other.shape == (16, 32, 3)
