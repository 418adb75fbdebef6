import numpy as np
import pytest
from PIL import Image

from tests.applications.image_classification.tiny import make_classifier


def draw_image(path, row, column, size=(24, 32)):
    """Writes a dark image with a light square, at a place in twelfths."""
    image = np.full((*size, 3), 20, "uint8")
    top, left = row * size[0] // 12, column * size[1] // 12
    image[top : top + size[0] // 4, left : left + size[1] // 4] = 240
    Image.fromarray(image).save(path)


@pytest.fixture
def photos(tmp_path):
    """A folder of three images, one in a folder of its own."""
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    (root / ".hidden").write_text("no image")
    draw_image(root / "a.png", 1, 1)
    draw_image(root / "b.png", 7, 1)
    draw_image(root / "more" / "c.png", 7, 7)
    return root


@pytest.fixture
def saved(tmp_path):
    """Returns what writes a model, and where it was written to."""

    def save(model=None, name="model.keras"):
        if model is None:
            model, name = make_classifier(), "default.keras"
        model.save(tmp_path / name)
        return tmp_path / name

    return save
