import keras
import pytest

from applications.facial_expression import train
from tests.applications.common.training_contract import TrainingContract
from tests.applications.facial_expression.conftest import shrink

pytestmark = pytest.mark.each_backend


class TestTraining(TrainingContract):
    train = train
    shrink = staticmethod(shrink)
    # It starts several processes, so it runs on one backend.
    killed = keras.backend.backend() == "torch"


def test_early_stopping_needs_validation_images(tmp_path, capsys):
    argv = ["--early-stopping", "2", "--output", str(tmp_path / "run")]
    assert train.main(argv) == 2
    assert "--hold-out" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.once
def test_mixed_precision_trains_without_validation(folder, tmp_path, small):
    argv = ["--data", str(folder), "--size", "16", "--epochs", "1"]
    argv += ["--mixed-precision", "bfloat16", "--verbose", "0"]
    assert train.main([*argv, "--output", str(tmp_path)]) == 0
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    # The model of the last epoch.
    assert (tmp_path / "model.keras").exists()
