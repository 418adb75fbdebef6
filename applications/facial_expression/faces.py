"""Reads the 200 images of faces and non-faces that scikit-image ships."""

import numpy as np

from applications.common.extras import optional
from applications.common.images import Shape, fit_array
from applications.common.parts import Data, Part

CLASS_NAMES = ["face", "not face"]


def read_faces(shape: Shape) -> Data:
    """Reads the images; the first half of each class is for training.

    Rows 0 to 99 are faces of "Labeled Faces in the Wild". Rows 100 to 199 are
    other parts of the same photographs. All have 25 x 25 pixels in [0, 1].
    """
    values = optional("skimage.data", "demo").lfw_subset()
    values = np.round(values * 255).astype("uint8")
    images = np.array([fit_array(image, shape) for image in values])
    labels = np.repeat(np.arange(2), 100)
    sources = [f"lfw_subset row {row}" for row in range(200)]
    part = Part(images, labels, sources)
    first = np.arange(200) % 100 < 50
    return Data(
        CLASS_NAMES,
        train=part.take(np.flatnonzero(first)),
        test=part.take(np.flatnonzero(~first)),
    )
