"""Tests what depends on the backend or the data format."""

import keras
import pytest

from keras_attn.applications import from_pretrained
from tests.keras_attn.applications.pretrained.tables import assert_same

pytestmark = pytest.mark.usefixtures("tables")

NAME = "timm/vit_tiny.in1k"


def test_gives_the_published_network(file, trained):
    model = from_pretrained(NAME, file)
    assert_same(model, trained)
    assert model.name == "vit_tiny"
    assert model.input_shape == (None, 16, 16, 3)


def test_the_size_of_the_weights_in_keras_data_format(file):
    keras.config.set_image_data_format("channels_first")
    assert from_pretrained(NAME, file).input_shape == (None, 3, 16, 16)
