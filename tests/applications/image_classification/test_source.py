import numpy as np

from applications.common.parts import Part
from applications.image_classification.source import evenly


def test_images_are_spread_over_the_classes():
    labels = np.array([0, 0, 0, 0, 1, 2, 2, 0])
    part = Part(np.arange(8), labels, [str(i) for i in range(8)])
    assert evenly(part, 3).sources == ["0", "4", "5"]
    assert evenly(part, 6).sources == ["0", "1", "2", "4", "5", "6"]
    assert len(evenly(part, 20)) == 8
