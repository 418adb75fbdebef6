import numpy as np
import pytest
from PIL import Image

from applications.image_classification import explain, train
from tests.applications.image_classification.tiny import make_classifier


def draw_image(path, row, column, size=(24, 32)):
    """Writes a dark image with a light square, at a place in twelfths."""
    image = np.full((*size, 3), 20, "uint8")
    top, left = row * size[0] // 12, column * size[1] // 12
    image[top : top + size[0] // 4, left : left + size[1] // 4] = 240
    Image.fromarray(image).save(path)


@pytest.fixture
def photos(tmp_path):
    """A folder of three images, one of them in a subfolder."""
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    (root / ".hidden").write_text("no image")
    draw_image(root / "a.png", 1, 1)
    draw_image(root / "b.png", 7, 1)
    draw_image(root / "more" / "c.png", 7, 7)
    return root


@pytest.fixture
def saved(tmp_path):
    """Returns a function that writes a model and returns its path."""

    def save(model=None, name="model.keras"):
        if model is None:
            model, name = make_classifier(), "default.keras"
        model.save(tmp_path / name)
        return tmp_path / name

    return save


TINY_VIT = "patch_size=4, hidden_dim=16, num_layers=2, num_heads=2, mlp_dim=32"
OPTIONS = (
    *("--size", "12", "--network", "ViT", "--batch-size", "8"),
    *("--validation", "--epochs", "3", "--learning-rate", "0.01"),
    *("--mirror", "--padding", "1", "--seed", "1", "--verbose", "0"),
)


@pytest.fixture(scope="session")
def command(fashion):
    """Options of a short training with dropout."""
    arguments = f"{TINY_VIT}, dropout=0.1"
    return ["--data", str(fashion), *OPTIONS, "--arguments", arguments]


@pytest.fixture(scope="session")
def trained(command, tmp_path_factory):
    """Folder of a finished run."""
    run = tmp_path_factory.mktemp("trained")
    assert train.main([*command, "--output", str(run)]) == 0
    return run


@pytest.fixture
def run(saved, photos, tmp_path, capsys):
    """Runs the command; returns its lines."""

    def run(*options, model=None, images=None, pixels="0,1"):
        path = tmp_path / "new" / "maps.png"
        argv = ["--model", str(model or saved())]
        argv += ["--input-range", pixels] if pixels else []
        argv += ["--images", *map(str, images or [photos])]
        status = explain.main([*argv, "--output", str(path), *options])
        out = capsys.readouterr().out.splitlines()
        assert status == 0
        assert out[-1] == f"wrote {path}"
        assert [each.name for each in path.parent.iterdir()] == ["maps.png"]
        return [line.split("\t") for line in out if "\t" in line]

    return run


@pytest.fixture
def fail(saved, photos, tmp_path, capsys):
    """Runs the command; returns its error, which is one line."""

    def run(*options, model=None, images=None):
        path = tmp_path / "maps.png"
        argv = ["--model", str(model or saved()), "--input-range", "0,1"]
        argv += ["--images", *map(str, images or [photos])]
        assert explain.main([*argv, "--output", str(path), *options]) == 2
        assert not path.exists()
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        return error

    return run
