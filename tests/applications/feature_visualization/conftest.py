import keras
import pytest

from applications.feature_visualization import train

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
