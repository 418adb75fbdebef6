import csv
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from applications.semantic_segmentation import cache, train
from applications.semantic_segmentation.model import load_model
from keras_attn.applications import _deeplab_graph as graph
from tests.applications.semantic_segmentation.conftest import STAGES
from tests.contracts import devices

KILLED = """
import os, signal, sys
from applications.common.resume import ResumableTraining
from applications.semantic_segmentation import train
from keras_attn.applications import _deeplab_graph as graph

graph.STAGES = ((4, 1), (4, 1), (4, 1), (6, 1), (6, 1))
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
        patch.setattr(graph, "STAGES", STAGES)
        assert train.main(argv) == 0
    return run


def rows_of(run):
    with (run / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_writes_log_model_and_state(trained):
    names = sorted(path.name for path in trained.iterdir())
    assert names[:3] == ["log.csv", "model.keras", "run.json"]
    rows = rows_of(trained)
    assert len(rows) == 3
    assert {"merged_mean_iou", "val_merged_mean_iou", "scale_0_5_loss"} <= set(
        rows[0]
    )
    facts = json.loads((trained / "run.json").read_text())
    assert facts["class_names"] == ["red", "blue", "white"]
    assert len(facts["palette"]) == 3


def test_the_loss_falls(trained):
    losses = [float(row["loss"]) for row in rows_of(trained)]
    assert losses[-1] < 0.9 * losses[0]


def test_the_rate_falls_to_zero(trained):
    rates = [float(row["learning_rate"]) for row in rows_of(trained)]
    # 5 scenes, 2 views and their mirror images, 4 a step: 5 steps an epoch.
    expected = [0.01 * (1 - epoch / 3) ** 0.9 for epoch in (1, 2, 3)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-9)


def test_killed_and_started_again_it_ends_the_same(trained, resumed):
    # A GPU adds in no fixed order, so there two runs are the same to rounding.
    rtol = 0 if devices.device() == "cpu" else 1e-2
    for row, expected in zip(rows_of(resumed), rows_of(trained), strict=True):
        for name, value in expected.items():
            np.testing.assert_allclose(
                float(row[name]), float(value), rtol=rtol, err_msg=name
            )
    first, second = (
        load_model(each).model.get_weights() for each in (trained, resumed)
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol)


@pytest.mark.usefixtures("small")
class TestMore:
    def run(self, command, output, *options):
        return train.main([*command, "--output", str(output), *options])

    def test_a_finished_run_is_left_alone(self, command, trained, capsys):
        before = (trained / "model.keras").read_bytes()
        assert self.run(command, trained) == 0
        assert "already finished" in capsys.readouterr().out
        assert (trained / "model.keras").read_bytes() == before

    def test_another_run_is_refused(self, command, trained, capsys):
        assert self.run(command, trained, "--epochs", "4") == 2
        assert "epochs is 3 there and 4 here" in capsys.readouterr().err

    def test_convolutions_stay_and_the_rest_learns_for_any_seed(
        self, command, trained, tmp_path, monkeypatch
    ):
        def compute(*_):
            raise AssertionError("the features were computed again")

        monkeypatch.setattr(cache, "_compute", compute)
        weights = str(tmp_path / "same.weights.h5")
        load_model(trained).model.save_weights(weights)
        run = tmp_path / "run"
        options = ("--weights", weights, "--seed", "2", "--epochs", "1")
        assert self.run(command, run, *options) == 0
        found = [load_model(each).model for each in (trained, run)]
        for name in (f"stage{i}_conv1" for i in range(1, 6)):
            one, other = (m.get_layer(name).get_weights()[0] for m in found)
            np.testing.assert_array_equal(one, other)
        for name in ("fc6", "fc7", "classifier", "skip_image_conv1"):
            one, other = (m.get_layer(name).get_weights()[0] for m in found)
            assert np.abs(one - other).max() > 0, name

    def test_finetuning_moves_all(self, command, tmp_path):
        # What joins fc7 has channels enough to lead a gradient back.
        options = ("--finetune", "--scales", "1", "--skips", "stage1")
        found = []
        for epochs in ("1", "2"):
            output = tmp_path / epochs
            more = (*options, "--epochs", epochs, "--learning-rate", "1e-3")
            assert self.run(command, output, *more) == 0
            found.append(load_model(output).model)
        for name in ("stage1_conv1", "skip_stage1_conv2", "classifier"):
            one, other = (m.get_layer(name).get_weights()[0] for m in found)
            assert np.abs(one - other).max() > 0, name
        assert "val_mean_iou" in rows_of(tmp_path / "2")[0]

    def test_from_the_weights_of_another_run(self, command, trained, tmp_path):
        weights = tmp_path / "start.weights.h5"
        keras.saving.load_model(trained / "model.keras").save_weights(weights)
        output = tmp_path / "run"
        options = ("--weights", str(weights), "--epochs", "1")
        assert self.run(command, output, *options) == 0
        one, other = (
            load_model(each).model.get_layer("stage3_conv1").get_weights()[0]
            for each in (trained, output)
        )
        np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--scales", "0.5,1"), "--scales must be numbers in (0, 1]"),
            (("--scales", "a"), "--scales must be numbers in (0, 1]"),
            (("--skips", "stage9"), "--skips must be none, or some of"),
            (("--tile", "8"), "--tile must be 17 or more"),
            (("--views", "0"), "--views must be positive"),
            (("--dropout", "1"), "--dropout must be in [0, 1)"),
            (("--weights", "imagenet"), "--weights must be hed, none or"),
        ],
    )
    def test_refuses(self, options, message, command, tmp_path, capsys):
        assert self.run(command, tmp_path / "run", *options) == 2
        assert message in capsys.readouterr().err
