import argparse

import numpy as np
import pytest
from PIL import Image

from applications.common import chosen


def options(data, **given):
    names = {"size": None, "channels": None, "batch_size": None}
    return argparse.Namespace(
        data=None if data is None else str(data), **names | given
    )


@pytest.fixture
def draw(tmp_path):
    """Returns a function that writes an image into the folder of a class."""

    def draw(name, size, mode="RGB", ending="png"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{len(list(folder.iterdir()))}.{ending}"
        Image.new(mode, size).save(path)
        return tmp_path / "data"

    return draw


def test_the_median_side_and_colour_of_photographs(draw):
    for width, height in ((100, 400), (300, 120), (90, 95)):
        root = draw("a", (width, height))
    # The median of 100, 120 and 90, rounded to a multiple of 16.
    assert chosen.shape(options(root), 224) == {"size": 96, "channels": 3}
    assert chosen.shape(options(root), 64)["size"] == 64


@pytest.mark.parametrize(
    ("mode", "channels"),
    [
        *(("L", 1), ("1", 1), ("LA", 1), ("I;16", 1)),
        *(("RGB", 3), ("RGBA", 3)),
    ],
)
def test_channels_are_those_of_the_files(draw, mode, channels):
    root = draw("a", (9, 9), mode)
    assert chosen.shape(options(root), 224) == {"size": 9, "channels": channels}


def test_one_photograph_in_colour_is_enough(draw):
    draw("a", (28, 28), "L")
    draw("b", (28, 28), "L")
    root = draw("b", (28, 28), "RGB", "jpg")
    assert chosen.shape(options(root), 224) == {"size": 28, "channels": 3}


@pytest.mark.parametrize(
    ("colours", "channels"), [([0, 0, 0, 9, 9, 9], 1), ([0, 0, 0, 9, 0, 0], 3)]
)
def test_a_palette_is_looked_into(draw, tmp_path, colours, channels):
    root = draw("a", (28, 28), "L")
    image = Image.fromarray(np.zeros((28, 28), "uint8"))
    image.putpalette(colours)
    image.save(root / "a" / "0.png")
    assert chosen.shape(options(root), 224)["channels"] == channels


def test_what_an_option_gives_is_not_chosen(draw):
    root = draw("a", (64, 64))
    assert chosen.shape(options(root, size=8), 224) == {"channels": 3}
    assert chosen.shape(options(root, size=8, channels=1), 224) == {}


def test_fashion_mnist_stays_what_it_is(fashion):
    expected = {"size": 28, "channels": 1}
    assert chosen.shape(options(None), 224) == expected
    assert chosen.shape(options(fashion), 224) == expected


def test_what_is_wrong_is_left_to_who_reads(draw, tmp_path):
    assert chosen.shape(options(tmp_path / "none"), 224) == {}
    root = draw("a", (9, 9))
    (root / "a" / "0.png").write_text("no image")
    assert chosen.shape(options(root), 224) == {}


@pytest.mark.parametrize(
    ("images", "size", "expected"),
    [
        # Fashion-MNIST; a few photographs; many of them, small and large.
        *((60_000, 28, 128), (12, 96, 4), (79, 96, 4), (168, 96, 16)),
        *((5_000, 48, 64), (5_000, 224, 32), (2, 28, 4)),
    ],
)
def test_batches_are_ten_an_epoch_if_they_can(images, size, expected):
    assert chosen.batch_size(images, size) == expected
