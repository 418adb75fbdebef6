import keras
import numpy as np
import pytest

from applications.common.crops import Crops, centre, readable
from applications.common.parts import Part
from keras_attn.layers import TenCrop


def part(count=40, height=6, width=7):
    """Images whose pixels encode their position."""
    rows, columns = np.indices((height, width))
    image = np.stack([10 * rows + columns, 0 * rows], axis=-1)
    images = np.repeat(image[None].astype("uint8"), count, axis=0)
    images[..., 1] = np.arange(count)[:, None, None] % 256
    return Part(images, np.arange(count), [""] * count)


def places(batches):
    """Returns image, top, left and whether it is mirrored for each crop."""
    found = []
    for images, labels in (batches[i] for i in range(len(batches))):
        for crop, label in zip(images.astype(int), labels, strict=True):
            assert np.all(crop[..., 1] == label % 256)
            where = crop[..., 0]
            mirrored = where[0, 0] > where[0, -1]
            where = where[:, ::-1] if mirrored else where
            top, left = divmod(int(where[0, 0]), 10)
            rows, columns = np.indices(where.shape)
            expected = 10 * (top + rows) + left + columns
            np.testing.assert_array_equal(where, expected)
            found.append((int(label), top, left, bool(mirrored)))
    return found


def test_crops_are_pieces_at_all_places_both_ways_round():
    found = places(Crops(part(400), 32, 4, seed=0))
    assert sorted(each[0] for each in found) == list(range(400))
    assert {each[1] for each in found} == {0, 1, 2}
    assert {each[2] for each in found} == {0, 1, 2, 3}
    share = np.mean([each[3] for each in found])
    assert 0.4 < share < 0.6


def test_each_epoch_has_its_own_crops_again_and_again():
    batches = Crops(part(), 16, 4, seed=0)
    first = places(batches)
    batches.start_epoch(1)
    second = places(batches)
    # Other images have other places.
    assert [each[1:] for each in first] != [each[1:] for each in second]
    batches.start_epoch(0)
    assert places(batches) == first
    assert places(Crops(part(), 16, 4, seed=1)) != first


def test_the_order_in_which_batches_are_made_changes_nothing():
    batches = Crops(part(), 16, 4, seed=0)
    forth = [batches[i][0] for i in range(3)]
    back = [batches[i][0] for i in (2, 1, 0)][::-1]
    for first, second in zip(forth, back, strict=True):
        np.testing.assert_array_equal(first, second)


def test_without_a_seed_they_are_centres_in_the_order_given():
    found = places(Crops(part(5), 2, 4))
    # 1.5 columns are rounded to the even neighbour.
    assert found == [(i, 1, 2, False) for i in range(5)]


@pytest.mark.parametrize("seed", [None, 0])
def test_without_a_crop_images_are_whole_and_as_they_are(seed):
    found = places(Crops(part(20), 20, 0, seed))
    assert {each[1:] for each in found} == {(0, 0, False)}


def test_channels_come_first_if_asked_for():
    last, _ = Crops(part(), 16, 4, 0)[0]
    first, _ = Crops(part(), 16, 4, 0, "channels_first")[0]
    assert last.dtype == first.dtype == "float32"
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last)
    assert readable(np.zeros((1, 2, 3, 4)), "channels_first").shape[1] == 4


def windows(image, side, padding):
    """Returns the place of each crop of an image with a black border.

    Keys are crops as bytes; values are top, left and whether it is mirrored.
    Top and left are counted from the first pixel without the border.
    """
    height, width = image.shape
    found = {}
    for top in range(-padding, height + padding - side + 1):
        for left in range(-padding, width + padding - side + 1):
            piece = np.zeros((side, side), "float32")
            for i, j in np.ndindex(side, side):
                row, column = top + i, left + j
                if 0 <= row < height and 0 <= column < width:
                    piece[i, j] = image[row, column]
            found[piece.tobytes()] = (top, left, False)
            found[piece[:, ::-1].tobytes()] = (top, left, True)
    return found


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize(
    "side, padding, rows, columns",
    [
        # For a whole image, all shifts by up to two pixels.
        (5, 2, range(-2, 3), range(-2, 4)),
        # For a crop.
        (4, 1, range(-1, 3), range(-1, 4)),
        (4, 0, range(2), range(3)),
    ],
)
def test_crops_reach_into_a_black_border(mirror, side, padding, rows, columns):
    image = np.arange(1, 31, dtype="uint8").reshape(5, 6)
    images = np.repeat(image[None, ..., None], 1000, axis=0)
    whole = Part(images, np.arange(1000), [""] * 1000)
    batches = Crops(whole, 100, side, 0, padding=padding, mirror=mirror)
    known = windows(image, side, padding)
    crops = np.concatenate([batches[i][0] for i in range(len(batches))])
    assert crops.shape == (1000, side, side, 1)
    found = [known[crop[..., 0].tobytes()] for crop in crops]
    ways = (False, True) if mirror else (False,)
    assert set(found) == {
        (top, left, way) for top in rows for left in columns for way in ways
    }
    if mirror:
        assert 0.4 < np.mean([each[2] for each in found]) < 0.6


def test_crops_of_the_centre_have_no_border():
    plain, _ = Crops(part(2), 2, 4)[0]
    padded, _ = Crops(part(2), 2, 4, padding=2)[0]
    np.testing.assert_array_equal(padded, plain)


@pytest.mark.parametrize("height, width", [(9, 9), (10, 11), (12, 13)])
def test_the_centre_is_that_of_ten_crops(height, width):
    images = part(2, height, width).images
    layer = TenCrop(8, 8, data_format="channels_last")
    crops = keras.ops.convert_to_numpy(layer(images.astype("float32")))
    np.testing.assert_array_equal(centre(images, 8), crops[4::10])
