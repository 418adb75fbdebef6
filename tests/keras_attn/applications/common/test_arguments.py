import inspect

import keras
import numpy as np
import pytest

from keras_attn import applications
from keras_attn.applications import DeepLabASC, FERNet, ViT, ZFNet

CONSTRUCTORS = [
    function
    for _, function in inspect.getmembers(applications, inspect.isfunction)
    if "classes" in inspect.signature(function).parameters
]
# Numeric arguments that are `None` by default.
OPTIONAL = {"epsilon", "embedding_dropout", "head_dim", "seed"}
NO_NUMBERS = (True, float("nan"), float("inf"), -1, "1", [1])


def numbers():
    """Yields each numeric argument of each function."""
    for function in CONSTRUCTORS:
        for name, parameter in inspect.signature(function).parameters.items():
            if type(parameter.default) in (int, float) or name in OPTIONAL:
                yield function, name


@pytest.mark.once
class TestNumbers:
    """Numbers are checked before anything is built."""

    @pytest.fixture(autouse=True)
    def nothing_is_built(self, monkeypatch):
        def call(*args, **kwargs):
            pytest.fail("a layer was applied before the arguments were checked")

        monkeypatch.setattr(keras.layers.Layer, "__call__", call)

    @pytest.mark.parametrize(("function", "name"), [*numbers()])
    def test_are_checked(self, function, name):
        for value in NO_NUMBERS:
            with pytest.raises(ValueError, match=f"`{name}` must be"):
                function(**{name: value})

    @pytest.mark.parametrize(
        ("function", "name", "values"),
        [
            (ZFNet, "filters", (8, 8, 8, 8)),
            (DeepLabASC, "scales", (1,)),
            (ViT, "patch_size", (16,)),
        ],
    )
    def test_in_a_list_are_checked(self, function, name, values):
        for value in (*NO_NUMBERS, 2.5):
            with pytest.raises(ValueError, match=f"`{name}` must be"):
                function(**{name: (*values, value)})


@pytest.mark.once
def test_numbers_of_numpy_are_those_of_python():
    model = ZFNet(
        small_images=True,
        filters=np.array((4, 6, 6, 6, 4)),
        units=np.int32(8),
        classes=np.int64(3),
        dropout=np.float32(0.25),
    )
    assert '"units": 3,' in model.to_json()


@pytest.mark.once
class TestErrors:
    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"pooling": "sum"}, "None, 'avg', 'max'. Received: pooling='sum'"),
            ({"pooling": "avg"}, "Pass `include_top=False`"),
            ({"classes": 0}, "positive integer. Received: classes=0"),
            ({"classes": 2.5}, "positive integer. Received: classes=2.5"),
            ({"classifier_activation": "softest"}, "softest"),
            ({"input_shape": (48, 48)}, r"\(height, width, channels\)"),
            ({"input_shape": (48, 40, 1)}, r"multiples of 16.*\(48, 40, 1\)"),
            ({"input_shape": (None, 48, 1)}, "multiples of 16"),
            ({"input_shape": (0, 48, 1)}, "multiples of 16"),
            ({"input_shape": (True, 48, 1)}, "multiples of 16"),
            ({"input_shape": (float("nan"), 48, 1)}, "multiples of 16"),
            ({"input_shape": (-16, 48, 1)}, "multiples of 16"),
            ({"input_shape": (48, 48, None)}, "number of channels"),
            ({"input_shape": (48, 48, True)}, "number of channels"),
            ({"input_tensor": np.zeros((1, 48, 48, 1))}, "a Keras tensor"),
            ({"weights": "imagenet"}, "None .random weights. or the path"),
            ({"weights": 3}, "weights=3, which is not a path"),
            ({"weights": "no.keras"}, "which does not exist"),
            ({"embeddings": True, "include_top": False}, "inside the top"),
        ],
    )
    def test_says_what_is_wrong(self, kwargs, message):
        with pytest.raises(ValueError, match=message):
            FERNet(**kwargs)

    def test_two_input_shapes(self):
        with pytest.raises(ValueError, match="shape of `input_tensor`"):
            FERNet(
                input_tensor=keras.Input((48, 48, 1)), input_shape=(48, 48, 3)
            )

    def test_a_file_of_another_network_changes_nothing(self, tmp_path):
        np.savez(tmp_path / "other.npz", **{"conv.weight": np.ones((2, 2))})
        with pytest.raises(ValueError, match="conv.weight"):
            FERNet(weights=tmp_path / "other.npz")
