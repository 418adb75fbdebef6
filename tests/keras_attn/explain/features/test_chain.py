import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn.applications import FERNet
from keras_attn.explain import DeconvNet


def broken(kind):
    image = keras.Input((8, 8, 2))
    x = layers.Conv2D(3, 3, padding="same", name="conv1")(image)
    if kind == "add":
        x = layers.Add(name="sum")([x, x])
    elif kind == "gelu":
        x = layers.Conv2D(3, 1, activation="gelu", name="gelu")(x)
    elif kind == "leaky":
        x = layers.LeakyReLU(name="leaky")(x)
    elif kind == "slope":
        x = layers.ReLU(negative_slope=0.1, name="slope")(x)
    return keras.Model(image, layers.Conv2D(4, 3, name="last")(x))


@pytest.mark.once
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("add", r"is 'sum' \(Add\), which is not one of these"),
        ("gelu", r"is 'gelu' \(Conv2D\), which has the activation 'gelu'"),
        ("leaky", r"is 'leaky' \(LeakyReLU\), which is not one of these"),
        ("slope", r"is 'slope' \(ReLU\), which is not one of these"),
    ],
)
def test_names_the_layer_that_breaks_the_chain(kind, message):
    found = DeconvNet(broken(kind))
    images = np.zeros((1, 8, 8, 2))
    with pytest.raises(ValueError, match=message):
        found(images, "last")
    assert found(images, "conv1").pixels.shape == (1, 8, 8, 2)


@pytest.mark.once
def test_names_an_attention_block():
    faces = np.zeros((1, 48, 48, 1))
    with pytest.raises(ValueError, match=r"is 'stage1' \(FeatureAct\)"):
        DeconvNet(FERNet())(faces, "stage2_conv2")


@keras.saving.register_keras_serializable("tests")
class Hidden(keras.Model):
    """Computes something between two layers."""

    def __init__(self):
        super().__init__()
        self.first = layers.Conv2D(3, 3, name="first")
        self.last = layers.Conv2D(3, 3, name="last")

    def call(self, x):
        return self.last(ops.square(self.first(x)))


def test_says_that_something_is_between_layers():
    model = Hidden()
    images = np.ones((1, 8, 8, 2), "float32")
    model(images)
    with pytest.raises(ValueError, match="takes an input that no layer"):
        DeconvNet(model)(images, "last")
