import inspect

import keras
import pytest

pytest.importorskip("sphinx")
references = pytest.importorskip("references")


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("keras.Model", "/tf/keras/Model"),
        ("keras.layers.Conv2D", "/tf/keras/layers/Conv2D"),
        ("np.ndarray", "/generated/numpy.ndarray.html"),
        ("numpy.linalg.svd", "/generated/numpy.linalg.svd.html"),
    ],
)
def test_a_name_has_an_address(name, end):
    assert references.address(name).endswith(end)


@pytest.mark.parametrize(
    "name", ["keras.layers.Conv9D", "np.gone", "keras", "torch.nn.Module"]
)
def test_a_name_that_does_not_exist_has_no_address(name):
    assert references.address(name) is None


def test_a_class_has_its_public_name():
    module = inspect.getmodule(keras.layers.Layer).__name__
    assert references.public_name(f"{module}.Layer") == "keras.Layer"
    assert references.public_name("keras_attn.x") == "keras_attn.x"
