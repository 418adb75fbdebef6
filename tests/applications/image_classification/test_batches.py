import concurrent.futures

import keras
import numpy as np
import pytest

from applications.common.parts import Part
from applications.image_classification.batches import Images
from applications.image_classification.config import Config

# From Keras' RandAugment on PyTorch.
pytestmark = pytest.mark.filterwarnings("ignore:Tensor.T is deprecated on 0-D")


def part(count=8, size=6):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, size, size, 1), "uint8")
    return Part(images, np.arange(count) % 8, [""] * count)


def batches(training=True, count=8, **settings):
    settings = {"size": 6, "batch_size": 8, "padding": 0, **settings}
    return Images(part(count), Config(**settings), 8, training)


def test_labels_are_one_hot_and_images_as_they_are():
    images, labels = batches(training=False)[0]
    np.testing.assert_array_equal(labels, np.eye(8))
    np.testing.assert_array_equal(images, part().images)
    assert images.dtype == labels.dtype == np.float32


def test_labels_go_with_their_images():
    images, labels = batches()[0]
    chosen = labels.argmax(axis=1)
    assert sorted(chosen) == list(range(8)) and list(chosen) != sorted(chosen)
    np.testing.assert_array_equal(images, part().images[chosen])


def test_mixup_mixes_images_as_labels():
    """Each label shows the two images, and their fractions."""
    images, labels = batches(mixup=1.0)[0]
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    assert ((labels > 1e-3).sum(axis=1) == 2).sum() >= 4
    expected = np.tensordot(labels, part().images.astype("float64"), 1)
    np.testing.assert_allclose(images, expected, rtol=1e-4, atol=1e-2)


def test_rand_augment_stays_in_range_and_keeps_labels():
    source = batches(rand_augment=0.5)
    changed = 0
    for epoch in range(4):
        source.start_epoch(epoch)
        images, labels = source[0]
        chosen = labels.argmax(axis=1)
        assert images.min() >= 0 and images.max() <= 255
        assert images.shape == (8, 6, 6, 1) and images.dtype == np.float32
        changed += (images != part().images[chosen]).any()
    assert changed >= 3


@pytest.mark.parametrize(
    "settings",
    [
        {"mirror": True, "padding": 2},
        {"mixup": 0.4},
        {"rand_augment": 0.5},
    ],
)
def test_a_batch_is_the_same_whoever_makes_it_when(settings):
    """Threads run in any order, and a run can resume anywhere."""
    source = batches(count=16, **settings)
    expected = {}
    for epoch in (0, 1):
        source.start_epoch(epoch)
        expected[epoch] = [source[0], source[1]]
    again = batches(count=16, **settings)
    again.start_epoch(1)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(again.__getitem__, (1, 0)))[::-1]
    for one, other in zip(found, expected[1], strict=True):
        for array, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, wanted)
    assert (expected[0][0][0] != expected[1][0][0]).any()


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="of PyTorch's generator"
)
@pytest.mark.parametrize("settings", [{"mixup": 0.4}, {"rand_augment": 0.5}])
def test_a_thread_seeds_no_generator_of_all_threads(settings, monkeypatch):
    """It would change the random numbers of others and of dropout."""
    import torch

    def refuse(seed):
        raise AssertionError("a batch was made with PyTorch's own generator")

    made = batches(**settings)
    monkeypatch.setattr(torch, "manual_seed", refuse)
    images, _ = made[0]
    assert (images != part().images[made.order[0]]).any()


def test_each_epoch_mixes_anew():
    source, shares = batches(mixup=1.0), []
    for epoch in range(2):
        source.start_epoch(epoch)
        # In any order of the images.
        shares.append(np.sort(source[0][1].max(axis=1)))
    assert np.abs(shares[0] - shares[1]).max() > 0.01


def test_what_leaves_the_range_is_brought_back(monkeypatch):
    class Doubled(keras.layers.RandAugment):
        def call(self, inputs, training=None):
            return 2 * keras.ops.convert_to_tensor(inputs) - 100

    monkeypatch.setattr(keras.layers, "RandAugment", Doubled)
    images, _ = batches(rand_augment=0.5)[0]
    assert images.min() == 0 and images.max() == 255


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_grey_images_are_changed_as_three_equal_colours(
    data_format, monkeypatch
):
    """Keras 3.14 accepts no others on JAX and TensorFlow."""
    axis = -1 if data_format == "channels_last" else 1
    seen = []

    class Watched(keras.layers.RandAugment):
        def call(self, inputs, training=None):
            seen.append(keras.ops.convert_to_numpy(inputs))
            return inputs

    monkeypatch.setattr(keras.layers, "RandAugment", Watched)
    keras.config.set_image_data_format(data_format)
    images, _ = batches(rand_augment=0.5)[0]
    assert images.shape[axis] == 1 and seen[0].shape[axis] == 3
    np.testing.assert_array_equal(seen[0], np.repeat(images, 3, axis))


def test_validation_is_never_augmented():
    source = batches(False, mirror=True, padding=2, mixup=1.0, rand_augment=1.0)
    images, labels = source[0]
    np.testing.assert_array_equal(images, part().images)
    np.testing.assert_array_equal(labels, np.eye(8))


def test_channels_first():
    keras.config.set_image_data_format("channels_first")
    images, _ = batches(mixup=0.2, rand_augment=0.5, mirror=True)[0]
    assert images.shape == (8, 1, 6, 6)
