import json
import sys

import numpy as np
import pytest
from keras import ops

from keras_attn.applications import preprocessing
from keras_attn.applications.pretrained.image_preparation import Preprocessing
from tests.goldens import load_golden

pytestmark = pytest.mark.usefixtures("tables")

NAME = "timm/vit_tiny.in1k"
PLAIN = Preprocessing((8, 8), 8, "bilinear", (0, 0, 0), (1, 1, 1), 1.0)


def recorded(case):
    """Returns an image, timm's result and our preparation of it."""
    golden = load_golden("timm_preprocessing")
    meta = golden["meta"]
    side = golden[f"y_{case}"].shape[0]
    resize = int(side / meta["cases"][case]["crop_pct"])
    is_squash = "crop_mode" in meta["cases"][case]
    prepare = Preprocessing(
        size=(side, side),
        resize=(resize, resize) if is_squash else resize,
        interpolation=meta["cases"][case]["interpolation"],
        mean=tuple(meta["mean"]),
        std=tuple(meta["std"]),
        crop=meta["cases"][case]["crop_pct"],
    )
    return golden["x"], golden[f"y_{case}"], prepare


@pytest.mark.parametrize("case", ["bicubic", "bilinear", "squash"])
class TestAgainstTimm:
    @pytest.mark.once
    def test_the_function_computes_the_same(self, case):
        image, expected, prepare = recorded(case)
        (y,) = prepare(image, "channels_last")
        np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)

    def test_the_layer_differs_by_a_grey_level(self, case, data_format):
        image, expected, prepare = recorded(case)
        batch = image[None]
        if data_format == "channels_first":
            batch = batch.transpose(0, 3, 1, 2)
        layer = prepare.layer(data_format=data_format)
        (y,) = ops.convert_to_numpy(layer(batch))
        if data_format == "channels_first":
            y = y.transpose(1, 2, 0)
        level = 1 / 255 / np.asarray(prepare.std)
        assert np.all(np.abs(y - expected) < 1.1 * level)
        # The function does not round floats either.
        (unrounded,) = prepare(image.astype("float64"), "channels_last")
        np.testing.assert_allclose(y, unrounded, atol=1e-5)


@pytest.mark.once
class TestFunction:
    def test_takes_one_image_or_several_of_any_size(self):
        one = np.zeros((20, 30, 3), "uint8")
        prepare = preprocessing(NAME)
        for images, count in (
            (one, 1),
            ([one], 1),
            ([one, np.zeros((9, 40, 3))], 2),
            (np.zeros((2, 20, 30, 3)), 2),
        ):
            y = prepare(images, "channels_last")
            assert y.shape == (count, 16, 16, 3) and y.dtype == np.float32
            expected = -np.array([0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
            np.testing.assert_allclose(y[0, 0, 0], expected, rtol=1e-6)

    def test_channels_first(self):
        image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), "uint8")
        last = PLAIN(image, "channels_last")
        first = PLAIN(image.transpose(2, 0, 1), "channels_first")
        np.testing.assert_array_equal(first, last.transpose(0, 3, 1, 2))

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            ([], "at least one image"),
            (np.zeros((8, 8)), "three axes.*convert..RGB"),
            (np.zeros((8, 8, 4)), r"at axis 2. Received: shape=\(8, 8, 4\)"),
            (np.zeros((3, 8, 8)), "pass `data_format`"),
            (np.zeros((0, 8, 3)), "must have pixels"),
            ([np.full((8, 8, 3), "a")], "array of numbers"),
            (np.full((8, 8, 3), 256.0), r"in \[0, 255\]. Received: .*256"),
            (np.full((8, 8, 3), -1), r"in \[0, 255\]"),
            (np.full((8, 8, 3), np.nan), r"in \[0, 255\]"),
        ],
    )
    def test_other_images_raise(self, images, message):
        with pytest.raises(ValueError, match=message):
            PLAIN(images, "channels_last")

    def test_without_pillow_the_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(ValueError, match=r"requires Pillow.*\[images\]"):
            PLAIN(np.zeros((8, 8, 3)), "channels_last")


@pytest.mark.once
class TestFacts:
    def test_of_timm(self):
        found = preprocessing(NAME)
        assert found == Preprocessing(
            (16, 16), 17, "bicubic", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), 0.9
        )
        assert json.dumps(found.__dict__)

    def test_of_a_crop_that_changes_the_shape(self):
        assert preprocessing("timm/vit_fast.squashed").resize == (17, 17)

    def test_of_torchvision(self):
        found = preprocessing("torchvision/ViT_T_8_Weights.IMAGENET1K_V1")
        assert (found.resize, found.crop) == (20, 0.8)
