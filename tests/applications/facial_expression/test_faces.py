import numpy as np
import pytest

from applications.facial_expression.demo import nearest_mean
from applications.facial_expression.faces import read_faces


def test_half_of_each_class_trains_and_the_other_tests():
    data = read_faces((48, 48, 1))
    for part in (data.train, data.test):
        assert part.images.shape == (100, 48, 48, 1)
        assert np.bincount(part.labels).tolist() == [50, 50]
        assert part.images.min() < 5 and part.images.max() > 250
    assert data.validation is None
    assert not set(data.train.sources) & set(data.test.sources)


def test_the_nearest_mean_is_right_on_82_images_of_100():
    assert nearest_mean(read_faces((25, 25, 1))) == pytest.approx(0.82)
