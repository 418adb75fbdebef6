import gzip

import keras
import numpy as np
import pytest
from PIL import Image

from applications.feature_visualization import train
from applications.feature_visualization.fashion import FILES

SIZE = 12
# As narrow as can be, at the least number of pixels.
NETWORK = (
    *("--size", "12", "--crop", "9", "--filters", "4,4,4,4,4"),
    *("--units", "8", "--batch-size", "8", "--verbose", "0"),
)
OPTIONS = (
    *NETWORK,
    *("--validation", "--epochs", "3", "--learning-rate", "0.03"),
    *("--constraint", "0.08", "--weight-decay", "1e-3", "--seed", "1"),
)


def idx_bytes(array):
    """Returns an array of uint8 in the form of IDX."""
    sizes = np.array(array.shape, ">u4").tobytes()
    start = bytes([0, 0, 8, array.ndim])
    return start + sizes + array.astype("uint8").tobytes()


def write_idx(path, array):
    """Writes an array of uint8 in the form of IDX."""
    path.write_bytes(gzip.compress(idx_bytes(array)))


def write_fashion(folder, train=48, test=20, size=SIZE):
    """Writes the four files: noise, with a row that tells the class."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("test", test)):
        labels = np.arange(count) % 10
        images = rng.integers(0, 100, (count, size, size))
        images[np.arange(count), labels] += 120
        for name, array in zip(FILES[part], (images, labels), strict=True):
            write_idx(folder / name, array)


@pytest.fixture(scope="session")
def fashion(tmp_path_factory):
    """A folder of four tiny files."""
    root = tmp_path_factory.mktemp("fashion")
    write_fashion(root)
    return root


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder of two classes in colour with `train` and `test`."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for channel, name in enumerate(("red", "green")):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                image = rng.integers(0, 100, (14, 13, 3), "uint8")
                image[..., channel] += 120
                Image.fromarray(image).save(folder / f"{i:02}.png")
    return root


@pytest.fixture(scope="session")
def command(fashion):
    """The options of a training with all that has a state."""
    return ["--data", str(fashion), *OPTIONS]


@pytest.fixture(scope="session")
def trained(command, tmp_path_factory):
    """The folder of a finished run on Fashion-MNIST's files."""
    run = tmp_path_factory.mktemp("trained")
    assert train.main([*command, "--output", str(run)]) == 0
    return run


@pytest.fixture(scope="session")
def coloured(pictures, tmp_path_factory):
    """The folder of a run on whole pictures in colour, at half precision."""
    run = tmp_path_factory.mktemp("coloured")
    argv = ["--data", str(pictures), *NETWORK, "--channels", "3"]
    argv += ["--filters", "8,8,8,8,8", "--crop", "0", "--dropout", "0"]
    argv += ["--epochs", "12", "--learning-rate", "0.03"]
    argv += ["--schedule", "cosine", "--mixed-precision", "bfloat16"]
    assert train.main([*argv, "--output", str(run)]) == 0
    keras.config.set_dtype_policy("float32")
    return run
