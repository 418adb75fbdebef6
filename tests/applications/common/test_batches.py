import numpy as np
import pytest

from applications.common.batches import Batches, StartEpochs
from applications.common.parts import Part


def batches(count, size, **options):
    images = np.arange(count, dtype="uint8").reshape(-1, 1, 1, 1)
    images = np.broadcast_to(images, (count, 2, 3, 1))
    part = Part(images, np.arange(count), [""] * count)
    return Batches(part, size, lambda x: x / np.float32(255), **options)


def order(made):
    return np.concatenate([made[i][1] for i in range(len(made))]).tolist()


def test_images_are_preprocessed_and_belong_to_their_labels():
    made = batches(10, 4, seed=0)
    for i in range(len(made)):
        images, labels = made[i]
        np.testing.assert_allclose(images[:, 0, 0, 0] * 255, labels, rtol=1e-6)


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(8, 4, [4, 4]), (10, 4, [4, 4, 2]), (9, 4, [4, 5]), (1, 4, [1])],
)
def test_no_batch_but_the_only_one_has_one_image(count, size, sizes):
    made = batches(count, size)
    assert [len(made[i][1]) for i in range(len(made))] == sizes


@pytest.mark.parametrize(
    ("count", "size", "devices", "sizes"),
    [
        (10, 4, 2, [4, 4, 2]),
        (11, 4, 2, [4, 4, 2]),
        (9, 4, 2, [4, 4]),
        (11, 6, 3, [6, 3]),
        (2, 4, 2, [2]),
    ],
)
def test_devices_share_each_batch(count, size, devices, sizes):
    made = batches(count, size, seed=0)
    made.share(devices)
    for epoch in range(2):
        made.start_epoch(epoch)
        assert [len(made[i][1]) for i in range(len(made))] == sizes
        assert len(set(order(made))) == sum(sizes)


def test_there_must_be_an_image_for_each_device():
    with pytest.raises(ValueError, match="2 devices cannot share 1 images"):
        batches(1, 4).share(2)


def test_the_order_depends_on_seed_and_epoch_alone():
    made, other = batches(20, 4, seed=5), batches(20, 4, seed=6)
    first = order(made)
    made.start_epoch(3)
    third = order(made)
    assert sorted(first) == sorted(third) == list(range(20))
    assert first != third and first != order(other)
    again = batches(20, 4, seed=5)
    StartEpochs(again).on_epoch_begin(3)
    assert order(again) == third


def test_without_a_seed_images_come_as_they_are():
    made = batches(9, 4)
    made.start_epoch(2)
    assert order(made) == list(range(9))


def test_channels_come_first_if_the_model_wants_them():
    images, _ = batches(4, 4, data_format="channels_first")[0]
    assert images.shape == (4, 1, 2, 3)
