import inspect

import keras
import numpy as np
import pytest

import keras_attn
from keras_attn.layers import ECA, SE, get, names
from keras_attn.layers.base import FeatureMapLayer


def test_every_block_that_keeps_the_shape_has_a_name():
    kept = set()
    for _, cls in inspect.getmembers(keras_attn.layers, inspect.isclass):
        # Layers that normalise or resize have no `attention`.
        if issubclass(cls, FeatureMapLayer) and hasattr(cls, "attention"):
            try:
                shape = cls().compute_output_shape((2, 7, 7, 32))
            except ValueError:  # It takes a list of maps, or needs a size.
                continue
            if shape == (2, 7, 7, 32):
                kept.add(cls)
    assert {type(get(name)) for name in names()} == kept


def test_names_are_sorted_and_in_snake_case():
    assert names() == sorted(names())
    assert {"se", "feature_act"} <= set(names())


@pytest.mark.parametrize(
    "identifier",
    ["se", SE, lambda **kwargs: SE(**kwargs), keras.layers.serialize(SE(2))],
)
def test_returns_a_layer_with_the_arguments(identifier):
    layer = get(identifier, ratio=4)
    assert isinstance(layer, SE) and layer.ratio == 4
    assert get(identifier, ratio=4) is not layer


def test_a_config_keeps_its_arguments():
    config = keras.layers.serialize(ECA(5, circular=True))
    layer = get(config, name="other")
    assert (layer.kernel_size, layer.circular) == (5, True)
    assert layer.name == "other"


@pytest.mark.parametrize("identifier", ["sea", None, 3, {"ratio": 4}])
def test_the_error_lists_the_blocks(identifier):
    with pytest.raises(ValueError, match="'cbam', .*'eca', .*Received: "):
        get(identifier)


def test_the_error_suggests_a_name():
    with pytest.raises(ValueError, match=r"'CBAM'\. Did you mean 'cbam'\?"):
        get("CBAM")


def test_rejects_a_layer():
    with pytest.raises(ValueError, match="Pass its class or config"):
        get(SE())


def test_rejects_a_function_that_does_not_return_a_layer():
    with pytest.raises(ValueError, match="must return a Keras layer"):
        get(lambda: "se")


# Older files refer to these classes as `keras_attn.layers.<name>`.
MOVED = [
    cls
    for _, cls in inspect.getmembers(keras_attn.layers, inspect.isclass)
    if cls.__module__.count(".") == 3
]


@pytest.mark.parametrize("cls", MOVED)
def test_reads_a_config_with_an_older_module(cls):
    room = cls.__module__.split(".")[-2]
    assert room in ("blocks", "historic")
    arguments = {"TenCrop": (2, 2)}.get(cls.__name__, ())
    config = keras.saving.serialize_keras_object(cls(*arguments))
    config["module"] = config["module"].replace(f".{room}", "")
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is cls


def test_a_class_of_the_same_name_is_not_a_block():
    class DIA(keras.layers.Layer):
        """A layer with the name of a block, but without a state."""

        def call(self, inputs):
            return inputs

    images = np.ones((2, 8, 8, 3), "float32")
    model = keras_attn.applications.ResNetCIFAR(
        depth=8, attention=DIA, input_shape=(8, 8, 3)
    )
    assert model(images).shape == (2, 10)
