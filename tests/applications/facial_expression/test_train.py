import csv
import os
import re
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from applications.facial_expression import train
from keras_attn.applications import fernet
from tests.contracts import devices

KILLED = """
import os, signal, sys
from applications.common.resume import ResumableTraining
from applications.facial_expression import train
from keras_attn.applications import fernet

fernet.STAGES = (4, 8)
end = ResumableTraining.on_epoch_end
def end_and_die(self, epoch, logs=None):
    end(self, epoch, logs)
    os.kill(os.getpid(), signal.SIGKILL)
ResumableTraining.on_epoch_end = end_and_die
train.main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def resumed(command, tmp_path_factory):
    """The folder of a run killed after its first epoch, and gone on with."""
    run = tmp_path_factory.mktemp("resumed")
    argv = [*command, "--output", str(run)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *argv],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len((run / "log.csv").read_text().splitlines()) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fernet, "STAGES", (4, 8))
        assert train.main(argv) == 0
    return run


def test_writes_log_model_and_state(trained):
    names = sorted(path.name for path in trained.iterdir())
    assert names[:3] == ["log.csv", "model.keras", "run.json"]
    with (trained / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"epoch", "accuracy", "loss", "val_accuracy"} <= set(rows[0])
    assert 1 <= len(rows) <= 3


def split_numbers(text):
    """Returns a text without its numbers, and these."""
    pattern = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
    numbers = [float(number) for number in re.findall(pattern, text)]
    return re.sub(pattern, "#", text), numbers


def test_killed_and_started_again_it_ends_the_same(trained, resumed):
    # A GPU adds in no fixed order, so there two runs are the same to rounding.
    rtol = 0 if devices.device() == "cpu" else 1e-2
    for name in ("log.csv", "state.json", "run.json"):
        (text, numbers), (expected_text, expected) = (
            split_numbers((run / name).read_text())
            for run in (resumed, trained)
        )
        assert text == expected_text
        np.testing.assert_allclose(numbers, expected, rtol=rtol)
    images = np.random.default_rng(0).random((3, 16, 16, 1), "float32")
    first, second = (
        keras.saving.load_model(each / "model.keras").predict(images, verbose=0)
        for each in (trained, resumed)
    )
    np.testing.assert_allclose(second, first, rtol=rtol)


def test_a_finished_run_says_so(trained, command, capsys):
    before = (trained / "log.csv").read_text()
    assert train.main([*command, "--output", str(trained)]) == 0
    assert "already finished" in capsys.readouterr().out
    assert (trained / "log.csv").read_text() == before


def test_a_folder_of_another_run_is_refused(trained, command, capsys):
    argv = [*command, "--output", str(trained), "--seed", "2"]
    assert train.main(argv) == 2
    error = capsys.readouterr().err
    assert "seed is 1 there and 2 here" in error and "--restart" in error
    assert error.count("\n") == 1


def test_early_stopping_needs_validation_images(tmp_path, capsys):
    argv = ["--early-stopping", "2", "--output", str(tmp_path / "run")]
    assert train.main(argv) == 2
    assert "--hold-out" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_bad_data_are_one_line_and_status_2(tmp_path, capsys):
    argv = ["--data", str(tmp_path / "none"), "--output", str(tmp_path)]
    assert train.main(argv) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_mixed_precision_trains_without_validation(folder, tmp_path, small):
    argv = ["--data", str(folder), "--size", "16", "--epochs", "1"]
    argv += ["--mixed-precision", "bfloat16", "--verbose", "0"]
    assert train.main([*argv, "--output", str(tmp_path)]) == 0
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    # That of the last epoch.
    assert (tmp_path / "model.keras").exists()
