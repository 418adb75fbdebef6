"""Data for the tests of several tasks."""

import numpy as np
import pytest
from PIL import Image

from tests.applications.common.tiny_fashion import write_fashion

pytest.register_assert_rewrite("tests.applications.common.training_contract")


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


# Not a method, since pytest deprecates methods with the scope of a class.
@pytest.fixture(scope="class")
def resumed(request, command, tmp_path_factory):
    """Run of a `TrainingContract` that stops after an epoch, then resumes."""
    run = tmp_path_factory.mktemp("resumed")
    request.cls.stop_and_go_on(command, run)
    return run
