"""The types of `**kwargs`, for type checkers."""

import inspect

import keras
import pytest

from keras_attn.layers.base import (
    FeatureMapArguments,
    FeatureMapLayer,
    LayerArguments,
)

pytestmark = pytest.mark.once


def names(cls):
    """Returns the argument names of a class."""
    kinds = {"POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY"}
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {each.name for each in parameters if each.kind.name in kinds} - {
        "self"
    }


def test_arguments_of_layers_are_those_of_keras():
    assert LayerArguments.__annotations__.keys() == names(keras.layers.Layer)


def test_arguments_of_feature_maps_are_those_of_the_base():
    known = names(keras.layers.Layer) | names(FeatureMapLayer)
    assert FeatureMapArguments.__annotations__.keys() == known
