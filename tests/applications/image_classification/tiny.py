"""A classifier whose predictions are known without training."""

import keras
import numpy as np
from PIL import Image

layers = keras.layers


def make_classifier(
    shape=(24, 24, 3), classes=2, activation="softmax", first=(), **kwargs
):
    """Returns a model whose class 0 depends on the light places."""
    image = x = keras.Input(shape)
    for layer in first:
        x = layer(x)
    x = layers.Conv2D(
        4,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="ones",
        **{"name": "features", **kwargs},
    )(x)
    data_format = kwargs.get("data_format")
    x = layers.GlobalAveragePooling2D(data_format=data_format)(x)
    last = layers.Dense(classes, activation=activation)
    model = keras.Model(image, last(x))
    kernel = np.linspace(0.05, -0.05, classes)[None].repeat(4, axis=0)
    last.set_weights([kernel, np.zeros(classes)])
    return model


def drawn(path):
    """Returns the pixels of a drawing."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
