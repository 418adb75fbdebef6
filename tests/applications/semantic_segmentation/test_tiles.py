import numpy as np
import pytest

from applications.semantic_segmentation.tiles import starts


class TestStarts:
    @pytest.mark.parametrize("tile", [1, 7, 50, 99, 100])
    @pytest.mark.parametrize("length", [100, 101, 150])
    def test_tiles_cover_the_length_and_no_more(self, length, tile):
        found = starts(length, tile)
        assert found[0] == 0 and found[-1] == length - tile
        strides = np.diff(found) if len(found) > 1 else np.array([tile])
        assert (strides <= tile).all() and (strides > 0).all()
        # Evenly spread, and as few as possible.
        assert np.ptp(strides) <= 1
        assert (len(found) - 1) * tile < length <= len(found) * tile

    @pytest.mark.parametrize(
        ("length", "tile", "expected"),
        [
            (10, 10, [0]),
            (10, 5, [0, 5]),
            (10, 4, [0, 3, 6]),
            (11, 10, [0, 1]),
        ],
    )
    def test_known_ones(self, length, tile, expected):
        assert starts(length, tile) == expected

    @pytest.mark.parametrize("tile", [0, -1, 11])
    def test_other_tiles_are_refused(self, tile):
        with pytest.raises(ValueError, match=f"be 1 to 10,.*Received: {tile}"):
            starts(10, tile)
