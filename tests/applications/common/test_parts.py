import numpy as np
import pytest

from applications.common.parts import (
    Data,
    Part,
    balanced_weights,
    check_same_classes,
    divide,
    hold_out,
)


def part(labels):
    count = len(labels)
    images = np.zeros((count, 2, 2, 1), "uint8")
    images[:, 0, 0, 0] = np.arange(count)
    return Part(images, np.array(labels), [f"{i}" for i in range(count)])


class TestDivide:
    def test_each_image_is_in_one_share(self):
        shares = divide(np.repeat([0, 1], [20, 40]), [0.7, 0.15, 0.15], 0)
        assert [len(share) for share in shares] == [42, 9, 9]
        np.testing.assert_array_equal(
            np.sort(np.concatenate(shares)), np.arange(60)
        )

    def test_depends_on_the_seed_alone(self):
        labels = np.repeat([0, 1], 20)
        first, again = (divide(labels, [0.5, 0.5], 3)[0] for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert (first != divide(labels, [0.5, 0.5], 4)[0]).any()

    def test_small_classes_are_in_each_share(self):
        shares = divide(np.array([0, 0, 0]), [0.7, 0.15, 0.15], 0)
        assert [len(share) for share in shares] == [1, 1, 1]


class TestHoldOut:
    def test_takes_from_training_only(self):
        data = Data(["a", "b"], part([0, 1] * 10), test=part([0, 1]))
        held = hold_out(data, "--some", lambda train: np.arange(4) * 2)
        assert (len(held.train), len(held.validation)) == (16, 4)
        assert set(held.validation.labels) == {0}
        assert held.test is data.test
        assert not set(held.train.sources) & set(held.validation.sources)

    def test_is_refused_where_there_is_a_validation_part(self):
        data = Data(["a", "b"], part([0, 1]), validation=part([0, 1]))
        message = "--some needs data without a validation part.* 2 images"
        with pytest.raises(ValueError, match=message):
            hold_out(data, "--some", lambda train: np.arange(1))


def test_digest_sees_each_pixel_and_label():
    digests = set()
    for labels, pixel in (([0, 1], 0), ([1, 0], 0), ([0, 1], 9)):
        made = part(labels)
        made.images[0, 1, 1] = pixel
        digests.add(Data(["a", "b"], made).digest())
    assert len(digests) == 3


def test_balanced_weights_give_classes_the_same_sum():
    weights = balanced_weights(np.array([0, 0, 0, 1]), 3)
    assert weights == {0: 4 / 9, 1: 4 / 3, 2: 1.0}


def test_mirrors_images_from_left_to_right():
    images = np.arange(6, dtype="uint8").reshape(1, 2, 3, 1)
    part = Part(images, np.array([4]), ["a"]).with_mirrored()
    assert part.images[1, :, :, 0].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert part.images[0].tolist() == images[0].tolist()
    assert part.labels.tolist() == [4, 4]
    assert part.sources == ["a", "a, mirrored"]


def test_the_same_classes_pass_and_others_are_named():
    check_same_classes("model.keras", ["a", "b"], ["a", "b"])
    message = r"model.keras: the model has 2 .*'b'\], but the data has 1 "
    with pytest.raises(ValueError, match=message):
        check_same_classes("model.keras", ["a", "b"], ["a"])
    with pytest.raises(ValueError, match="the data has 2"):
        check_same_classes("model.keras", ["a", "b"], ["b", "a"])
