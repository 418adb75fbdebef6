import keras
import numpy as np
import pytest

from applications.common import saved

pytestmark = pytest.mark.each_backend


def write(path, *layers):
    """Writes a compiled model of some layers, and returns it."""
    layers = layers or (keras.layers.Dense(2),)
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile("adam", "mse")
    model.save(path)
    return model


def test_a_folder_of_a_run_has_its_model(tmp_path):
    write(tmp_path / "model.keras")
    assert saved.model_file(tmp_path) == tmp_path / "model.keras"


def test_a_file_may_have_any_name(tmp_path):
    write(tmp_path / "other.keras")
    path = tmp_path / "other.keras"
    assert saved.model_file(path) == path


def test_a_model_is_loaded_without_its_optimizer(tmp_path):
    model = write(tmp_path / "model.keras")
    found = saved.load_model(tmp_path / "model.keras")
    assert not found.compiled
    for one, other in zip(
        found.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["", "none", "none.keras"])
def test_a_missing_model_is_named(tmp_path, name):
    with pytest.raises(ValueError, match="there is no such model") as caught:
        saved.model_file(tmp_path / name)
    file = tmp_path / (name or "model.keras")
    assert str(caught.value).startswith(f"{file}: ")


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_broken_model_is_named(tmp_path, content):
    path = tmp_path / "model.keras"
    if content is None:
        write(path)
        content = path.read_bytes()[:-30]
    path.write_bytes(content)
    assert saved.model_file(tmp_path) == path
    with pytest.raises(ValueError, match="not a model that can be") as caught:
        saved.load_model(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_code_in_a_model_is_not_run(tmp_path):
    path = tmp_path / "model.keras"
    write(path, keras.layers.Lambda(lambda x: x + 1))
    with pytest.raises(ValueError, match="not a model that can be loaded"):
        saved.load_model(path)
