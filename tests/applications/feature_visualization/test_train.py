import csv
import os
import re
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from applications.feature_visualization import train
from applications.feature_visualization.config import Config
from applications.feature_visualization.crops import centre
from applications.feature_visualization.data import read_data
from applications.feature_visualization.model import load_model
from applications.feature_visualization.plateau import Plateau, rate_after
from applications.feature_visualization.training import train_model
from tests.contracts import devices

KILLED = """
import os, signal, sys
from applications.common.resume import ResumableTraining
from applications.feature_visualization import train

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
    assert train.main(argv) == 0
    return run


def rows_of(run):
    with (run / "log.csv").open() as file:
        return list(csv.DictReader(file))


def rates_of(run):
    return [float(row["learning_rate"]) for row in rows_of(run)]


def split_numbers(text):
    """Returns a text without its numbers, and these."""
    pattern = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
    numbers = [float(number) for number in re.findall(pattern, text)]
    return re.sub(pattern, "#", text), numbers


def test_writes_log_model_and_state(trained):
    names = sorted(path.name for path in trained.iterdir())
    assert names[:3] == ["log.csv", "model.keras", "run.json"]
    rows = rows_of(trained)
    assert {"epoch", "accuracy", "loss", "val_accuracy"} <= set(rows[0])
    assert len(rows) == 3


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
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 9, 1))
    first, second = (
        load_model(each).model.predict(images.astype("float32"), verbose=0)
        for each in (trained, resumed)
    )
    np.testing.assert_allclose(second, first, rtol=rtol)


def test_the_mean_image_is_that_of_the_centres(trained, fashion):
    images = read_data(str(fashion), (12, 12, 1), validation=True).train.images
    mean = load_model(trained).model.layers[1].mean_image
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(mean),
        centre(images, 9).mean(axis=0),
        rtol=1e-5,
    )


def test_the_rate_follows_the_loss_through_a_stop(trained, resumed):
    for run in (trained, resumed):
        losses = [float(row["val_loss"]) for row in rows_of(run)]
        expected = [rate_after(losses[:i], 0.03, 1) for i in range(3)]
        # In the second epoch the loss rises, above that before the stop.
        assert expected[2] < expected[0]
        np.testing.assert_allclose(rates_of(run), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "validation, loss", [(True, "val_loss"), (False, "loss")]
)
def test_plateau_watches_the_validation_if_there_is_one(
    fashion, tmp_path, monkeypatch, validation, loss
):
    def fit(self, batches, callbacks, **options):
        watched.extend(
            each.monitor for each in callbacks if isinstance(each, Plateau)
        )

    watched = []
    monkeypatch.setattr(keras.Model, "fit", fit)
    config = Config(size=12, crop=9, filters="4,4,4,4,4", units=8)
    data = read_data(str(fashion), config.shape, validation=validation)
    train_model(config, data, tmp_path)
    assert watched == [loss]


def test_it_learns_whole_pictures_in_colour(coloured):
    model = load_model(coloured).model
    assert model.input_shape == (None, 12, 12, 3)
    assert model.get_layer("stage3").dtype_policy.name == "mixed_bfloat16"
    rows, rates = rows_of(coloured), rates_of(coloured)
    assert float(rows[-1]["accuracy"]) > 0.9
    # No validation, and a cosine that ends at 0.
    assert "val_loss" not in rows[0]
    assert 0.03 > rates[0] > rates[6] > rates[11] < 1e-6


def test_a_finished_run_says_so(trained, command, capsys):
    before = (trained / "log.csv").read_text()
    assert train.main([*command, "--output", str(trained)]) == 0
    out = capsys.readouterr().out
    assert "already finished" in out and "best validation accuracy" in out
    assert (trained / "log.csv").read_text() == before


def test_a_folder_of_another_run_is_refused(trained, command, capsys):
    argv = [*command, "--output", str(trained), "--seed", "2"]
    assert train.main(argv) == 2
    error = capsys.readouterr().err
    assert "seed is 1 there and 2 here" in error and "--restart" in error
    assert error.count("\n") == 1


def test_bad_data_are_one_line_and_status_2(tmp_path, capsys):
    argv = ["--data", str(tmp_path / "none"), "--output", str(tmp_path)]
    assert train.main(argv) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_bad_settings_are_one_line_and_status_2(tmp_path, capsys):
    run = tmp_path / "run"
    assert train.main(["--crop", "30", "--output", str(run)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --crop") and error.count("\n") == 1
    assert not run.exists()
