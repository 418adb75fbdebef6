import numpy as np
import pytest

from keras_attn.explain.measures.pointing_game import pointing_game

pytestmark = pytest.mark.once


def peaks(*places, size=(40, 50)):
    """Makes a map for each place, with its maximum there."""
    maps = np.random.default_rng(0).random((len(places), *size)) / 2
    for each, place in zip(maps, places, strict=True):
        each[place] = 1.0
    return maps


def objects(count, size=(40, 50)):
    """Makes masks of the box from (10, 12) to (14, 20)."""
    masks = np.zeros((count, *size), "bool")
    masks[:, 10:15, 12:21] = True
    return masks


class TestPointingGame:
    @pytest.mark.parametrize(
        ("place", "hit"),
        [
            ((12, 15), True),
            ((29, 15), True),
            ((30, 15), False),
            ((12, 35), True),
            ((12, 36), False),
            # 9 and 12 pixels from the corner are a distance of 15.
            ((23, 32), True),
            ((26, 29), True),
            ((24, 32), False),
            ((23, 33), False),
            ((0, 1), True),
        ],
    )
    def test_hits_within_15_pixels(self, place, hit):
        found = pointing_game(peaks(place), objects(1))
        assert isinstance(found, float) and found == hit

    @pytest.mark.parametrize(
        ("tolerance", "hits"), [(0, 1), (1, 2), (1.4, 2), (1.5, 3), (50, 4)]
    )
    def test_counts_with_any_tolerance(self, tolerance, hits):
        maps = peaks((14, 20), (15, 20), (15, 21), (39, 49))
        assert pointing_game(maps, objects(4), tolerance) == hits / 4

    def test_takes_the_nearest_pixel_of_the_object(self):
        masks = objects(1)
        masks[0, 39, 49] = True
        assert pointing_game(peaks((38, 48)), masks, 2) == 1

    def test_takes_the_first_of_several_maxima(self):
        maps = np.zeros((2, 40, 50))
        maps[0, 12, 15] = maps[0, 39, 49] = 1.0
        maps[1, 5, 49] = maps[1, 12, 15] = 1.0
        assert pointing_game(maps, objects(2)) == 0.5

    @pytest.mark.parametrize("value", [0.0, 0.7, 1.0])
    def test_a_map_without_contrast_misses(self, value):
        maps = np.full((1, 40, 50), value)
        assert pointing_game(maps, np.ones(maps.shape, "bool")) == 0

    @pytest.mark.parametrize(
        "masks",
        [
            np.ones((2, 40, 50), "bool"),
            np.ones((1, 50, 40), "bool"),
            np.ones((40, 50), "bool"),
            np.ones((1, 40, 50), "uint8"),
            np.ones((1, 40, 50)),
        ],
    )
    def test_refuses_masks_of_other_shapes_and_dtypes(self, masks):
        message = r"`masks` must be booleans .*\(1, 40, 50\). Received: shape"
        with pytest.raises(ValueError, match=message):
            pointing_game(peaks((0, 0)), masks)

    def test_refuses_masks_of_nothing(self):
        masks = objects(3)
        masks[[0, 2]] = False
        with pytest.raises(ValueError, match=r"for the images \[0, 2\]"):
            pointing_game(peaks((0, 0), (0, 0), (0, 0)), masks)

    @pytest.mark.parametrize("tolerance", [-1, float("nan"), "15", None])
    def test_rejects_an_invalid_tolerance(self, tolerance):
        with pytest.raises(
            ValueError, match=r"in \[0, inf\). Received: tolerance="
        ):
            pointing_game(peaks((0, 0)), objects(1), tolerance)

    def test_rejects_invalid_heat_maps(self):
        with pytest.raises(ValueError, match="from nan to nan"):
            pointing_game(peaks((0, 0)) * np.nan, objects(1))
