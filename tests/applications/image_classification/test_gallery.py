import re

import keras
import pytest
from PIL import Image

from applications.image_classification import (
    gallery,
    packaged,
    page,
    sections,
)
from tests.applications.image_classification.tiny import make_classifier

# Maps of random networks can be zero.
pytestmark = pytest.mark.filterwarnings("ignore:Some maps of the layers")


@pytest.fixture
def small(saved, photos, monkeypatch):
    """Untrained networks instead of those of the packages."""
    face = make_classifier((16, 16, 1), 7, name="add_3")
    objects = make_classifier((16, 16, 3), 1000)
    classes = tuple(map(str, range(1000)))
    chosen = {
        "expressions": (saved(face, "face.keras"), packaged.EMOTIONS),
        "imagenet": (saved(objects, "objects.keras"), classes),
    }
    for name, arguments in chosen.items():
        found = packaged.Packaged(*arguments)
        monkeypatch.setattr(packaged, name, lambda found=found: found)
    dog = packaged.Photograph(photos / "a.png", 243)
    monkeypatch.setattr(packaged, "photographs", lambda: [dog])
    monkeypatch.setattr(sections, "LAYERS", ("add_3",))
    monkeypatch.setattr(gallery, "FACES_METHODS", ["grad_cam", "layer_cam"])


def test_draws_small_pictures_and_a_page(small, tmp_path):
    pictures, path = tmp_path / "docs" / "images", tmp_path / "docs" / "a.md"
    argv = ["--output", str(pictures), "--page", str(path)]
    assert gallery.main(argv) == 0
    names = [
        "gallery_faces",
        "gallery_layers",
        "gallery_methods",
        "gallery_objects",
    ]
    found = sorted(pictures.iterdir())
    assert [each.name for each in found] == [f"{name}.png" for name in names]
    for each in found:
        assert each.stat().st_size < 300_000
        with Image.open(each) as image:
            assert 300 < image.size[0] < 1100
    text = path.read_text(encoding="utf-8")
    for name in names:
        assert f"](images/{name}.png)" in text
    assert f"--page {path.as_posix()}" in text
    assert f"keras {keras.__version__}" in page.origin()
    assert page.origin() in text.replace("\n", " ")
    # Places in pixels tell a reader nothing.
    assert not re.search(r"\(\d+, \d+\)", text)
    caption = r": predicted .+ with probability [01]\.\d{3}\n"
    assert len(re.findall(caption, text.replace("\n  ", " "))) == 8
    # Four faces, one of them again for several layers, and three photographs.
    assert text.count("\n- ") == 8 == text.count(": predicted ")


def test_photographs_are_drawn_if_asked_for(small, tmp_path):
    assert gallery.main(["--output", str(tmp_path), "--photos"]) == 0
    with Image.open(tmp_path / "photographs_private.png") as image:
        assert image.size[0] < 1100


@pytest.mark.parametrize(
    "options",
    [
        ["--output", "docs/images"],
        ["--output", "."],
        ["--output", "runs", "--page", "docs/gallery.md"],
    ],
)
def test_photographs_are_not_published(
    small, tmp_path, monkeypatch, capsys, options
):
    assert (gallery.ROOT / "pyproject.toml").is_file()
    # Outside the repository, where a failure would leave files.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gallery, "ROOT", tmp_path)
    monkeypatch.setattr(gallery, "RUNS", tmp_path / "runs")
    assert gallery.main([*options, "--photos"]) == 2
    assert "may not be published" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*private.png"))
    gallery.check_is_private(gallery.RUNS / "photos")
