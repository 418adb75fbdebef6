"""Contract of every task's training: files, errors and resuming.

A task subclasses it next to its own tests:

    class TestTraining(TrainingContract):
        train = train
        shrink = staticmethod(shrink)

Its conftest has two session fixtures. `command` has the options of a short
training of several epochs, with a `--seed` and everything that has a state.
`trained` is the folder of a finished run with these options.
"""

import contextlib
import csv
import dataclasses
import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from applications.common import locks, resume
from tests import alone
from tests.contracts import devices


def split_numbers(text):
    """Returns a text without its numbers, and the numbers."""
    pattern = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
    numbers = [float(number) for number in re.findall(pattern, text)]
    return re.sub(pattern, "#", text), numbers


def read(run, name):
    """Returns the content of a JSON file of a run."""
    return json.loads((run / name).read_text(encoding="utf-8"))


def rows_of(run):
    """Returns the rows of a run's log."""
    with (run / "log.csv").open() as file:
        return list(csv.DictReader(file))


def rates_of(run):
    """Returns the learning rate of each epoch of a run."""
    return [float(row["learning_rate"]) for row in rows_of(run)]


def content_of(run):
    """Returns the bytes of a run's files by their names."""
    return {
        path.name: path.read_bytes()
        for path in run.iterdir()
        if path.name in ("log.csv", "model.keras", "run.json", "state.json")
    }


def check_same_run(found, expected):
    """Checks that the logs, facts, states and models of two runs are equal."""
    # A GPU adds in any order, so that its runs are equal up to rounding.
    rtol = 0 if devices.device() == "cpu" else 1e-2
    for name in ("log.csv", "state.json", "run.json"):
        (text, numbers), (expected_text, expected_numbers) = (
            split_numbers((run / name).read_text()) for run in (found, expected)
        )
        assert text == expected_text
        np.testing.assert_allclose(
            numbers, expected_numbers, rtol=rtol, err_msg=name
        )
    for arrays_of in (_state, _weights):
        pairs = zip(arrays_of(found), arrays_of(expected), strict=True)
        for one, other in pairs:
            atol = rtol * np.abs(other).max(initial=0)
            np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


def _state(run):
    # The names count the layers of a process, so they differ.
    with np.load(run / read(run, "state.json")["arrays"]) as stored:
        return [stored[name] for name in stored.files]


def _weights(run):
    model = keras.saving.load_model(run / "model.keras", compile=False)
    return model.get_weights()


class TrainingContract:
    """Tests of a task's training.

    Attributes:
        train: The module of the task with `main`.
        killed: Whether the resumed run is one of a killed process. One task is
            enough for this; the others stop with an exception.
        columns: Columns of the log in addition to those of every log.
    """

    train = None
    killed = False
    columns = frozenset({"accuracy", "val_accuracy"})

    @staticmethod
    def shrink(patch):
        """Makes the network smaller with pytest's `monkeypatch`."""

    @classmethod
    def main(cls, *argv):
        """Runs the command as `trained` was run."""
        with pytest.MonkeyPatch.context() as patch:
            cls.shrink(patch)
            return cls.train.main([str(each) for each in argv])

    @classmethod
    def stop_and_go_on(cls, command, run):
        """Trains for one epoch, then for the others in another call."""
        argv = [*command, "--output", str(run)]
        if cls.killed:
            cls._kill(argv)
        else:
            with pytest.MonkeyPatch.context() as patch:
                stop_after_an_epoch(patch, _raise)
                with pytest.raises(Stopped):
                    cls.main(*argv)
        assert len(read(run, "state.json")["history"]) == 1
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert cls.main(*argv) == 0
        # Otherwise a run that started again could have the same numbers.
        assert "resuming after epoch 1 of " in out.getvalue()

    @classmethod
    def _kill(cls, argv):
        child = [sys.executable, "-m", TrainingContract.__module__]
        done = subprocess.run(
            [*child, cls.__module__, cls.__name__, *argv],
            env=alone(keras.backend.backend()),
            capture_output=True,
            text=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr

    def test_writes_log_model_and_state(self, trained):
        names = {path.name for path in trained.iterdir()}
        assert {"log.csv", "model.keras", "run.json", "state.json"} <= names
        assert not any(name.startswith("partial-") for name in names)
        rows = rows_of(trained)
        assert {"epoch", "learning_rate", "loss", *self.columns} <= set(rows[0])
        epochs = [int(row["epoch"]) for row in rows]
        assert epochs == list(range(1, len(rows) + 1)) and len(rows) > 1
        # Only the state of the last epoch.
        states = [name for name in names if name.startswith("state-")]
        assert states == [f"state-{len(rows):04}.npz"]
        assert states == [read(trained, "state.json")["arrays"]]

    def test_writes_what_decides_the_result(self, trained):
        facts = read(trained, "run.json")
        assert facts["backend"] == keras.backend.backend()
        assert facts["class_names"] and facts["data_digest"]
        kind = importlib.import_module(
            f"{self.train.__package__}.config"
        ).Config
        names = [field.name for field in dataclasses.fields(kind)]
        assert list(facts["settings"]) == names

    def test_stopped_and_started_again_it_ends_the_same(self, trained, resumed):
        check_same_run(resumed, trained)

    def test_a_finished_run_says_so_and_is_left_alone(
        self, trained, command, capsys
    ):
        before = content_of(trained)
        assert self.main(*command, "--output", trained) == 0
        out = capsys.readouterr().out
        assert "already finished; --restart starts it again" in out
        assert f"wrote {trained / 'model.keras'} and log.csv" in out
        assert content_of(trained) == before

    def test_a_folder_of_another_run_is_refused(self, trained, command, capsys):
        before = content_of(trained)
        seed = read(trained, "run.json")["settings"]["seed"]
        argv = [*command, "--output", trained, "--seed", seed + 1]
        assert self.main(*argv) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {trained} contains another run: seed")
        assert f"is {seed} there and {seed + 1} here" in error
        assert "--restart" in error and error.count("\n") == 1
        assert content_of(trained) == before

    @pytest.mark.parametrize("name", ["run.json", "state.json"])
    @pytest.mark.parametrize("content", [b"{}", b"[]", b"", b"\x80\x81"])
    def test_a_damaged_file_is_one_line_with_what_helps(
        self, trained, command, tmp_path, capsys, name, content
    ):
        run = tmp_path / "run"
        shutil.copytree(trained, run)
        (run / name).write_bytes(content)
        before = content_of(run)
        assert self.main(*command, "--output", run) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"error: {run / name}: not the ")
        assert "--restart" in error
        assert content_of(run) == before

    def test_a_folder_in_use_is_refused(
        self, trained, command, tmp_path, capsys
    ):
        # Also a folder whose run would be deleted.
        with locks.locked(tmp_path):
            for more in ((), ("--restart",)):
                argv = [*command, "--output", tmp_path, *more]
                assert self.main(*argv) == 2
                error = capsys.readouterr().err.splitlines()[-1]
                words = "another process works in this folder"
                assert error.startswith(f"error: {tmp_path}: {words}")

    def test_a_finished_run_without_its_model_says_so(
        self, trained, command, tmp_path, capsys
    ):
        run = tmp_path / "run"
        shutil.copytree(trained, run)
        (run / "model.keras").unlink()
        assert self.main(*command, "--output", run) == 2
        assert "model.keras: missing" in capsys.readouterr().err

    def test_bad_data_are_one_line_and_status_2(
        self, command, tmp_path, capsys
    ):
        run, data = tmp_path / "run", tmp_path / "none"
        assert self.main(*command, "--output", run, "--data", data) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {data}") and error.count("\n") == 1
        assert not run.exists()

    def test_bad_settings_are_one_line_and_status_2(
        self, command, tmp_path, capsys
    ):
        run = tmp_path / "run"
        assert self.main(*command, "--output", run, "--epochs", 0) == 2
        error = capsys.readouterr().err
        assert error == "error: --epochs must be positive. Received: 0\n"
        assert not run.exists()


class Stopped(BaseException):
    """Ends a run; not caught as an `Exception`."""


def _raise():
    raise Stopped


def stop_after_an_epoch(patch, stop):
    """Calls `stop` at the end of an epoch, after all files are written."""
    end = resume.ResumableTraining.on_epoch_end

    def end_and_stop(self, epoch, logs=None):
        end(self, epoch, logs)
        stop()

    patch.setattr(resume.ResumableTraining, "on_epoch_end", end_and_stop)


if __name__ == "__main__":
    module, name, *argv = sys.argv[1:]
    with pytest.MonkeyPatch.context() as patch:
        stop_after_an_epoch(patch, lambda: os.kill(os.getpid(), signal.SIGKILL))
        getattr(importlib.import_module(module), name).main(*argv)
