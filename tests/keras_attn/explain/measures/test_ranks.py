import numpy as np
import pytest

from keras_attn.explain.measures.ranks import centred_ranks, correlation

pytestmark = pytest.mark.once


class TestCorrelation:
    @pytest.mark.parametrize(
        ("values", "ranks"),
        [
            ([5.0, 1.0, 3.0], [1, -1, 0]),
            # The ranks 1, 2.5, 2.5, 4 and 2, 2, 2, 4, 5, minus their mean.
            ([0.1, 0.5, 0.5, 0.9], [-1.5, 0, 0, 1.5]),
            ([0.0, 0.7, 0.0, 1.0, 0.0], [-1, 1, -1, 2, -1]),
            ([2.0, 2.0, 2.0], [0, 0, 0]),
        ],
    )
    def test_ranks_are_shared_by_equal_numbers(self, values, ranks):
        assert centred_ranks(np.array(values)).tolist() == ranks

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ([1, 2, 3, 4, 5], [1, 4, 9, 16, 25], 1),
            ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1),
            # 1 - 6 sum d^2 / (n (n^2 - 1)), with d = 0, -1, 1, 0.
            ([1, 2, 3, 4], [10, 30, 20, 40], 0.8),
            # With d = 1, 1, -2 it is -1/2.
            ([2, 3, 1], [1, 2, 3], -0.5),
            # Ranks -1.5, 0, 0, 1.5 and -1.5, -0.5, 0.5, 1.5: 4.5 divided by
            # the square root of 4.5 * 5.
            ([1, 2, 2, 3], [1, 2, 3, 4], np.sqrt(0.9)),
            ([1, 2, 3], [1, 1, 1], 0),
        ],
    )
    def test_is_that_by_hand(self, first, second, expected):
        ranks = [centred_ranks(np.array(each)) for each in (first, second)]
        assert correlation(*ranks) == pytest.approx(expected)
