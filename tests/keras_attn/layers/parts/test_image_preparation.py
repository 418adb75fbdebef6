import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.parts.image_preparation import ImagePreparation

FACTS = {
    "height": 6,
    "width": 4,
    "resize": 7,
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
}


def resampled(signal, target, interpolation):
    """Resizes the first axis in float64: kernel sums at each position."""
    source = len(signal)
    stretch = max(source / target, 1)
    rows = []
    for i in range(target):
        t = (np.arange(source) + 0.5 - (i + 0.5) * source / target) / stretch
        t = np.abs(t)
        if interpolation == "bilinear":
            k = np.where(t < 1, 1 - t, 0)
        else:
            near = 1.5 * t**3 - 2.5 * t**2 + 1
            far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
            k = np.where(t < 1, near, np.where(t < 2, far, 0))
        rows.append(np.tensordot(k / k.sum(), signal, 1))
    return np.clip(np.stack(rows), 0, 255)


def in_numpy(image, interpolation="bicubic"):
    """Computes the layer of `FACTS` for one image, channels last."""
    short = min(image.shape[:2])
    rows, columns = (7 * side // short for side in image.shape[:2])
    x = resampled(image.swapaxes(0, 1), columns, interpolation)
    x = resampled(x.swapaxes(0, 1), rows, interpolation)
    top, left = round((rows - 6) / 2), round((columns - 4) / 2)
    x = x[top : top + 6, left : left + 4]
    return (x / 255 - FACTS["mean"]) / FACTS["std"]


def image_of(height, width):
    random = np.random.default_rng(height * width)
    return random.integers(0, 256, (height, width, 3)).astype("float64")


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
# Smaller, larger, and with half pixels on both sides of the crop.
@pytest.mark.parametrize("size", [(5, 9), (31, 20), (7, 10), (12, 8)])
def test_is_the_formula(size, interpolation):
    image = image_of(*size)
    layer = ImagePreparation(
        **FACTS, interpolation=interpolation, data_format="channels_last"
    )
    (y,) = ops.convert_to_numpy(layer(image[None]))
    np.testing.assert_allclose(y, in_numpy(image, interpolation), atol=2e-5)


def test_sizes_that_are_unknown_until_the_call():
    inputs = keras.Input((None, None, 3))
    layer = ImagePreparation(**FACTS, data_format="channels_last")
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, 6, 4, 3)
    for size in ((5, 9), (31, 20)):
        image = image_of(*size)
        (y,) = model.predict(image[None], verbose=0)
        np.testing.assert_allclose(y, in_numpy(image), atol=2e-5)


@pytest.mark.once
def test_is_saved_with_a_model(tmp_path):
    layer = ImagePreparation(
        **{**FACTS, "resize": (9, 8)}, data_format="channels_last"
    )
    again = ImagePreparation.from_config(layer.get_config())
    image = image_of(10, 10)[None]
    model = keras.Sequential([keras.Input((10, 10, 3)), again])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        *(ops.convert_to_numpy(each(image)) for each in (layer, loaded))
    )


@pytest.mark.once
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "`height` must be"),
        ({"width": None}, "`width` must be"),
        ({"resize": 5}, "`resize` must be at least"),
        ({"resize": "7"}, "`resize` must be"),
        ({"resize": (6, 3)}, "`resize` must be at least"),
        ({"interpolation": "nearest"}, "`interpolation` must be one of"),
        ({"mean": 0.5}, "`mean` must be a list"),
        ({"mean": (0.5,)}, "one number per channel"),
        ({"std": (0.2, 0.3, 0)}, "`std` must be a number"),
    ],
)
def test_other_arguments_raise(change, message):
    with pytest.raises(ValueError, match=message):
        ImagePreparation(**{**FACTS, **change})
