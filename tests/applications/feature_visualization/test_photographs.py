import numpy as np
import pytest
from PIL import Image

from applications.common.problems import Problems
from applications.feature_visualization import photographs


class TestPhotographs:
    def test_those_of_scikit_image_are_there(self):
        images, names = photographs.read_photographs(
            photographs.shipped(), 32, Problems()
        )
        assert 4 <= len(names) == len(images) <= 8
        assert {"astronaut", "chelsea", "coffee", "rocket"} <= set(names)
        assert images.shape[1:] == (32, 32, 3) and images.dtype == "uint8"

    @pytest.mark.parametrize("shape", [(8, 16), (16, 8)])
    def test_a_square_of_the_middle(self, shape):
        image = np.zeros((*shape, 3), "uint8")
        middle = image[4:12] if shape[0] > 8 else image[:, 4:12]
        middle[:] = np.arange(64).reshape(8, 8, 1)
        found = photographs.square(image, 8)
        np.testing.assert_array_equal(
            found[..., 1], np.arange(64).reshape(8, 8)
        )

    @pytest.mark.parametrize("size", [5, 20])
    def test_squares_are_resized(self, size):
        image = np.zeros((10, 10, 3), "uint8")
        image[:, 5:] = 10, 20, 30
        found = photographs.square(image, size)
        assert found.shape == (size, size, 3) and found.dtype == "uint8"
        assert found[0, 0].tolist() == [0, 0, 0]
        assert found[-1, -1].tolist() == [10, 20, 30]

    def test_what_cannot_be_read_is_left_out(self, tmp_path):
        paths = [tmp_path / "a.png", tmp_path / "b.png"]
        paths[0].write_bytes(b"no image")
        Image.new("L", (7, 9), 100).save(paths[1])
        problems = Problems(skip=True)
        images, names = photographs.read_photographs(paths, 6, problems)
        assert names == ["b"] and (images == 100).all()
        assert images.shape == (1, 6, 6, 3) and len(problems.messages) == 1
