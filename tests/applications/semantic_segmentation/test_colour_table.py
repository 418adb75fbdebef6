import numpy as np

from applications.common.reports import confusion_matrix
from applications.semantic_segmentation import climate
from applications.semantic_segmentation.scenes import IGNORE, Scene
from tests.applications.common.needs import needs_maps


def scene(colours, classes):
    image = np.array(colours, "uint8").reshape(1, -1, 3)
    mask = np.array(classes, "uint8").reshape(1, -1)
    return Scene("scene", lambda: image, lambda: mask, mask.shape)


class TestColourTable:
    def test_takes_the_most_frequent_class_of_a_colour(self):
        red, green, other = (200, 0, 0), (0, 200, 0), (0, 0, 200)
        train = [
            scene([red, red, red, green], [1, 1, 2, 3]),
            scene([red, green, green], [2, 3, 3]),
            # Ignored, otherwise red would be class 2.
            scene([red, red], [IGNORE, 2]),
            scene([red, red, green], [1, 1, IGNORE]),
        ]
        test = [scene([green, red], [0, 0]), scene([other], [0])]
        found = climate.colour_table(train, test)
        assert [each.tolist() for each in found] == [[[3, 1]], [[1]]]
        assert found[0].dtype == "uint8"

    def test_levels_are_of_each_channel(self):
        train = [scene([(127, 0, 0), (128, 0, 0)], [1, 2])]
        for bins, expected in ((2, [1, 2]), (1, [1, 1]), (8, [1, 2])):
            found = climate.colour_table(train, train, bins)
            assert found[0].tolist() == [expected]
        colours = [(99, 0, 0), (0, 99, 0), (0, 0, 99), (0, 0, 0)]
        train = [scene(colours, [0, 1, 2, 3])]
        found = climate.colour_table(train, train, bins=4)
        assert found[0].tolist() == [[0, 1, 2, 3]]

    @needs_maps
    def test_on_the_test_part(self):
        """The numbers that networks are compared with."""
        whole = climate.blocks()
        test = whole["test"]
        (predicted,) = climate.colour_table(whole["train"], test)
        mask = test[0].mask()
        matrix = confusion_matrix(
            mask.ravel().astype(int), predicted.ravel(), 6
        )
        right = np.diag(matrix)
        ious = right / (matrix.sum(axis=0) + matrix.sum(axis=1) - right)
        # Other versions of the JPEG library may change single pixels.
        expected = [0.165, 0.644, 0.111, 0.355, 0.513, 0.930]
        np.testing.assert_allclose(ious, expected, atol=0.002)
        assert abs(ious.mean() - 0.453) < 0.001
        assert abs(right.sum() / matrix.sum() - 0.809) < 0.001
