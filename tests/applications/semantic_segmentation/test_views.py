import keras
import numpy as np
import pytest

from applications.semantic_segmentation.scenes import Scene
from applications.semantic_segmentation.views import (
    Crops,
    Features,
    View,
    class_weights,
    preprocess,
    read_view,
    views_of,
)
from tests.applications.semantic_segmentation.conftest import (
    COLOURS,
    draw_scene,
)
from tests.contracts.devices import FORMATS


def scenes(count=3, size=(40, 48)):
    found = []
    for i in range(count):
        image, mask = draw_scene(np.random.default_rng(i), *size)
        found.append(
            Scene(f"{i}", lambda x=image: x, lambda x=mask: x, mask.shape)
        )
    return found


def test_views_are_all_scenes_each_also_mirrored():
    found = views_of(scenes(2), 2, mirror=True)
    assert len(set(found)) == len(found) == 8
    assert found[:3] == [
        View(0, 0, False),
        View(0, 0, True),
        View(0, 1, False),
    ]
    assert len(views_of(scenes(2), 2, mirror=False)) == 4


class TestReadView:
    def test_the_first_is_the_scene_itself(self):
        scene = scenes(1, (33, 33))[0]
        image, mask = read_view([scene], View(0, 0, False), 33)
        np.testing.assert_array_equal(image, scene.image())
        np.testing.assert_array_equal(mask, scene.mask())

    def test_others_are_scaled_and_always_the_same(self):
        # The same scene twice has different crops.
        twice = 2 * scenes(1)
        first, again, other, another = (
            read_view(twice, View(scene, number, False), 33)
            for scene, number in ((0, 1), (0, 1), (0, 2), (1, 1))
        )
        np.testing.assert_array_equal(first[0], again[0])
        assert np.any(first[0] != other[0])
        assert np.any(first[0] != another[0])

    @pytest.mark.parametrize("number", [0, 1])
    def test_the_mirror_image_is_of_both(self, number):
        plain, mirrored = (
            read_view(scenes(1), View(0, number, flag), 33)
            for flag in (False, True)
        )
        for one, other in zip(plain, mirrored, strict=True):
            np.testing.assert_array_equal(one[:, ::-1], other)


@pytest.mark.parametrize("data_format", FORMATS)
def test_preprocessing_is_that_of_the_network(data_format):
    images = np.zeros((1, 2, 3, 3), "uint8")
    images[..., 0] = 200
    y = preprocess(images, data_format)
    if data_format == "channels_first":
        assert y.shape == (1, 3, 2, 3) and y.flags["C_CONTIGUOUS"]
        y = y.transpose(0, 2, 3, 1)
    expected = [-103.939, -116.779, 200 - 123.68]
    np.testing.assert_allclose(y[0, 1, 1], expected, rtol=1e-5)


def test_class_weights_by_hand():
    masks = [np.array([[0, 0, 0, 0], [0, 0, 0, 1]]), np.array([[1, 255]])]
    weights = class_weights([m.astype("uint8") for m in masks], 3)
    # Frequencies 7/9 and 2/9.
    raw = np.array([(7 / 9) ** -0.5, (2 / 9) ** -0.5])
    expected = raw / (raw * [7 / 9, 2 / 9]).sum()
    np.testing.assert_allclose(weights[:2], expected, rtol=1e-6)
    assert weights[2] == 0


class TestCrops:
    def batches(self, seed=3):
        return Crops(scenes(), 33, 3, seed, labels_for=lambda m: m)

    def test_picture_and_mask_belong_together(self):
        crops = self.batches()
        images, masks = crops[0]
        assert images.shape == (3, 33, 33, 3) and masks.shape == (3, 33, 33)
        colours = images[..., ::-1] + np.array([123.68, 116.779, 103.939])
        distances = np.abs(colours[..., None, :] - COLOURS).sum(-1)
        known = masks != 255
        right = distances.argmin(-1)[known] == masks[known]
        # At the edges, the scaled picture mixes two colours.
        assert right.mean() > 0.85

    def test_another_epoch_has_others(self):
        crops = self.batches()
        crops.start_epoch(0)
        first = crops[0][0]
        np.testing.assert_array_equal(first, crops[0][0])
        # One of each scene, in any order.
        before = [crops._crop(index)[0] for index in range(3)]
        crops.start_epoch(1)
        for index, image in enumerate(before):
            assert np.any(image != crops._crop(index)[0])

    def test_without_a_seed_they_are_the_same_in_each(self):
        pieces = self.batches(seed=None)
        first = pieces[0][0]
        pieces.start_epoch(5)
        np.testing.assert_array_equal(first, pieces[0][0])


@pytest.mark.parametrize("count", [1, 2])
def test_features_are_read_in_the_order_of_the_epoch(count):
    arrays = [
        np.arange(12, dtype="float16").reshape(6, 2) + 100 * i
        for i in range(count)
    ]
    masks = np.arange(6, dtype="uint8").reshape(6, 1, 1)
    batches = Features(
        arrays, masks, 4, seed=1, labels_for=lambda m: {"a": m, "b": m}
    )
    batches.start_epoch(2)
    seen = []
    for index in range(len(batches)):
        features, labels = batches[index]
        features = features if count > 1 else (features,)
        assert all(each.dtype == "float32" for each in features)
        for i, each in enumerate(features):
            expected = 2 * labels["a"].ravel() + 100 * i
            np.testing.assert_array_equal(each[:, 0], expected)
        seen += labels["b"].ravel().tolist()
    assert sorted(seen) == list(range(6)) and seen != list(range(6))
    assert isinstance(batches, keras.utils.PyDataset)
