import numpy as np
import pytest
from PIL import Image

from applications.semantic_segmentation import train
from keras_attn.applications.deeplab import graph

OPTIONS = (
    *("--tile", "33", "--scales", "1,0.5", "--filters", "8"),
    *("--attention-filters", "4", "--weights", "none", "--skips", "image"),
    *("--epochs", "3", "--batch-size", "4", "--learning-rate", "0.01"),
    *("--views", "2", "--mirror", "--class-weights", "--extra-supervision"),
    *("--optimizer", "adam", "--seed", "1", "--verbose", "0"),
)
# Colours of the classes in the pictures.
COLOURS = np.array([[230, 40, 30], [30, 60, 220], [240, 240, 240]], "uint8")


def shrink(patch):
    """Uses one convolution per stage, since compiling thirteen is slow."""
    stages = ((4, 1), (4, 1), (4, 1), (6, 1), (6, 1))
    patch.setattr(graph, "STAGES", stages)


def draw_scene(rng, height, width):
    """Returns noisy blocks of colour and their classes."""
    blocks = rng.integers(0, 3, (-(-height // 16), -(-width // 16)))
    mask = blocks.repeat(16, 0).repeat(16, 1)[:height, :width].astype("uint8")
    noise = rng.integers(-20, 15, (height, width, 3))
    image = np.clip(COLOURS[mask].astype(int) + noise, 0, 255)
    return image.astype("uint8"), mask


def write_scenes(folder, count, seed, size=(40, 48)):
    """Writes pictures and masks into `images` and `masks`."""
    rng = np.random.default_rng(seed)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for i in range(count):
        image, mask = draw_scene(rng, *size)
        mask[:2] = 255
        Image.fromarray(image).save(folder / "images" / f"{i}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{i}.png")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with three parts."""
    root = tmp_path_factory.mktemp("scenes")
    for seed, part in enumerate(("train", "validation", "test")):
        write_scenes(root / part, 5 if part == "train" else 3, seed)
    (root / "classes.txt").write_text("red\nblue\nwhite\n")
    return root


@pytest.fixture(scope="session")
def command(folder, tmp_path_factory):
    """Options of a training that uses everything with a state."""
    cache = tmp_path_factory.mktemp("cache")
    return ["--data", str(folder), "--cache", str(cache), *OPTIONS]


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
    """Replaces every DeepLab by a smaller one."""
    shrink(monkeypatch)
