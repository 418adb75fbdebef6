import numpy as np
import pytest

from applications.semantic_segmentation.augment import FILL, random_crop


@pytest.fixture
def pair():
    """Squares of 16 colours, whose red channel is the class."""
    rng = np.random.default_rng(5)
    classes = rng.permutation(16).reshape(4, 4).astype("uint8")
    mask = np.repeat(np.repeat(classes, 16, axis=0), 16, axis=1)
    # Wider than high, to detect swapped sides.
    mask = mask[:48]
    image = np.stack([mask * 16, 255 - mask * 16, mask * 3], axis=-1)
    return image, mask


def inner(mask):
    """Returns whether all neighbours of a pixel have its class."""
    same = np.ones(mask.shape, bool)
    # Halving averages three pixels and a little of the next.
    for rows in range(-2, 3):
        for columns in range(-2, 3):
            same &= np.roll(mask, (rows, columns), (0, 1)) == mask
    same[:2] = same[-2:] = same[:, :2] = same[:, -2:] = False
    return same


@pytest.mark.parametrize("seed", range(30))
def test_mask_and_picture_stay_in_register(pair, seed):
    image, mask = random_crop(*pair, 40, np.random.default_rng(seed))
    assert image.shape == (40, 40, 3) and mask.shape == (40, 40)
    assert image.dtype == mask.dtype == "uint8"
    known = (mask != 255) & inner(mask)
    assert known.mean() > 0.05
    np.testing.assert_array_equal(image[known][:, 0], mask[known] * 16)
    np.testing.assert_array_equal(image[known][:, 1], 255 - mask[known] * 16)


@pytest.mark.parametrize("seed", range(10))
def test_borders_are_at_the_same_pixel(seed):
    mask = np.zeros((20, 30), "uint8")
    mask[8:, :13] = 1
    image = np.repeat(mask[..., None] * 200, 3, axis=2)
    rng = np.random.default_rng(seed)
    image, mask = random_crop(
        image, mask, 20, rng, scales=(1.2, 1.5), fill=(0,) * 3
    )
    wrong = (image[..., 0] > 100) != (mask == 1)
    # Borders differ by less than a pixel between bilinear and nearest.
    assert wrong.sum() <= 40
    assert not (wrong & inner(mask)).any()


def test_the_generator_decides_everything(pair):
    first, again, other = (
        random_crop(*pair, 32, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[1] != other[1]).any()


def test_always_draws_the_same_count(pair):
    image, mask = pair
    states = []
    for size, flip, height in ((8, True, 48), (60, False, 20)):
        rng = np.random.default_rng(0)
        random_crop(image[:height], mask[:height], size, rng, flip=flip)
        states.append(rng.bit_generator.state)
    assert states[0] == states[1]


@pytest.mark.parametrize("axis", [0, 1])
def test_each_place_and_side_comes_up(axis):
    mask = np.arange(6, dtype="uint8").reshape(1, 6).repeat(3, axis=0)
    mask = mask if axis else mask.T
    image = np.repeat(mask[..., None], 3, axis=2)
    rng = np.random.default_rng(0)
    crops = [
        random_crop(image, mask, 3, rng, scales=(1, 1))[1] for _ in range(400)
    ]
    crops = [crop[0] if axis else crop[:, 0] for crop in crops]
    found, counts = np.unique(crops, axis=0, return_counts=True)
    expected = [[i, i + 1, i + 2] for i in range(4)]
    # Images are not flipped vertically.
    expected += [row[::-1] for row in expected] if axis else []
    assert sorted(found.tolist()) == sorted(expected)
    # Expected are 50 or 100 each, with a deviation of 6.6 or 8.7.
    each = 400 / len(expected)
    assert abs(counts - each).max() < 30


def test_flips_only_if_asked(pair):
    mask = np.arange(6, dtype="uint8").reshape(1, 6).repeat(6, axis=0)
    image = np.repeat(mask[..., None], 3, axis=2)
    rng = np.random.default_rng(0)
    for _ in range(20):
        crop = random_crop(image, mask, 6, rng, scales=(1, 1), flip=False)
        np.testing.assert_array_equal(crop[0], image)
        np.testing.assert_array_equal(crop[1], mask)


def test_what_is_missing_is_filled(pair):
    for fill in (FILL, (1, 2, 3)):
        image, mask = random_crop(
            *pair,
            100,
            np.random.default_rng(0),
            scales=(1, 1),
            flip=False,
            fill=fill,
        )
        np.testing.assert_array_equal(image[:48, :64], pair[0])
        np.testing.assert_array_equal(mask[:48, :64], pair[1])
        added = np.ones((100, 100), bool)
        added[:48, :64] = False
        assert (mask[added] == 255).all()
        assert (image[added] == fill).all()


def test_scales_are_those_asked_for():
    mask = np.zeros((100, 100), "uint8")
    image = np.zeros((100, 100, 3), "uint8")
    rng = np.random.default_rng(0)
    sides = [
        (random_crop(image, mask, 200, rng)[1][0] == 0).sum() for _ in range(99)
    ]
    assert 50 <= min(sides) < 55 and 145 < max(sides) <= 150


def test_masks_get_no_class_between_two():
    mask = np.zeros((30, 30), "uint8")
    mask[::2] = 254
    image = np.zeros((30, 30, 3), "uint8")
    for seed in range(9):
        _, found = random_crop(image, mask, 30, np.random.default_rng(seed))
        assert set(np.unique(found)) <= {0, 254, 255}


def test_arrays_run_forwards(pair):
    rng = np.random.default_rng(0)
    for _ in range(9):
        for each in random_crop(*pair, 32, rng):
            assert each.flags.c_contiguous and each.flags.writeable


def test_the_given_arrays_stay_as_they_are(pair):
    before = [each.copy() for each in pair]
    random_crop(*pair, 80, np.random.default_rng(0))
    for one, two in zip(before, pair, strict=True):
        np.testing.assert_array_equal(one, two)


def test_other_sizes_are_refused(pair):
    image, mask = pair
    with pytest.raises(ValueError, match="must have the same size. Received"):
        random_crop(image, mask.T, 32, np.random.default_rng(0))
