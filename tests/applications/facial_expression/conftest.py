import keras
import numpy as np
import pytest
from PIL import Image

from applications.facial_expression import train
from keras_attn.applications.fernet import model as fernet

OPTIONS = (
    *("--size", "16", "--epochs", "3", "--batch-size", "6"),
    *("--hold-out", "0.25", "--schedule", "cosine", "--warmup-epochs", "1"),
    *("--early-stopping", "2", "--augment", "--class-weights"),
    *("--seed", "1", "--verbose", "0"),
)


def shrink(patch):
    """Uses two stages, or one if they are compiled, which takes long."""
    eager = keras.backend.backend() == "torch"
    patch.setattr(fernet, "STAGES", (4, 8) if eager else (4,))


def draw_images(folder, count, seed, light):
    """Writes noisy images that are lighter at the top or the bottom."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for i in range(count):
        image = rng.integers(0, 100, (20, 18), "uint8")
        image[slice(0, 10) if light == "above" else slice(10, 20)] += 120
        Image.fromarray(image).save(folder / f"{i}.png")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of two classes with `train` and `test`."""
    root = tmp_path_factory.mktemp("images")
    for seed, part in enumerate(("train", "test")):
        draw_images(root / part / "above", 8, seed, "above")
        draw_images(root / part / "below", 8, seed + 2, "below")
    return root


@pytest.fixture(scope="session")
def command(folder):
    """Options of a training that uses everything with a state."""
    return ["--data", str(folder), *OPTIONS]


@pytest.fixture(scope="session")
def trained(command, tmp_path_factory):
    """Folder of a finished run."""
    run = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        assert train.main([*command, "--output", str(run)]) == 0
    return run


@pytest.fixture
def small(monkeypatch):
    """Replaces every FERNet by a smaller one."""
    shrink(monkeypatch)
