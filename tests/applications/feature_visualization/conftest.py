import keras
import pytest
from PIL import Image

from applications.feature_visualization import (
    figures,
    filters,
    train,
    visualize,
)

# As narrow as possible, with as few pixels as possible.
NETWORK = (
    *("--size", "12", "--crop", "9", "--filters", "4,4,4,4,4"),
    *("--units", "8", "--batch-size", "8", "--verbose", "0"),
)
OPTIONS = (
    *NETWORK,
    *("--validation", "--epochs", "3", "--learning-rate", "0.03"),
    *("--constraint", "0.08", "--weight-decay", "1e-3", "--seed", "1"),
)


@pytest.fixture(scope="session")
def command(fashion):
    """Options of a training that uses everything with a state."""
    return ["--data", str(fashion), *OPTIONS]


@pytest.fixture(scope="session")
def trained(command, tmp_path_factory):
    """Folder of a finished run on the files of Fashion-MNIST."""
    run = tmp_path_factory.mktemp("trained")
    assert train.main([*command, "--output", str(run)]) == 0
    return run


@pytest.fixture(scope="session")
def coloured(pictures, tmp_path_factory):
    """Folder of a run on whole colour pictures in half precision."""
    run = tmp_path_factory.mktemp("coloured")
    argv = ["--data", str(pictures), *NETWORK, "--channels", "3"]
    argv += ["--filters", "8,8,8,8,8", "--crop", "0", "--dropout", "0"]
    argv += ["--epochs", "12", "--learning-rate", "0.03"]
    argv += ["--schedule", "cosine", "--mixed-precision", "bfloat16"]
    assert train.main([*argv, "--output", str(run)]) == 0
    keras.config.set_dtype_policy("float32")
    return run


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command; returns its status, lines and errors."""

    def run(*argv):
        argv = [*map(str, argv), "--output", str(tmp_path / "new" / "drawn")]
        status = visualize.main(argv)
        out, error = capsys.readouterr()
        return status, out.splitlines(), error.splitlines()

    return run


@pytest.fixture
def drawn(monkeypatch):
    """Records the drawn features, and draws them."""
    found = {}

    def keep(module, name):
        draw = getattr(module, name)

        def kept(*args):
            found.setdefault(name, []).append(args)
            return draw(*args)

        monkeypatch.setattr(module, name, kept)

    keep(filters, "draw_filters")
    keep(figures, "find_features")
    keep(figures, "draw_features")
    keep(figures, "draw_occlusions")
    return found


def names_in(tmp_path):
    """Returns the names of the drawings, which must be complete."""
    paths = sorted((tmp_path / "new" / "drawn").iterdir())
    for path in paths:
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
    return [path.name for path in paths]
