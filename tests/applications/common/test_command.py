import json
import os
import subprocess
import sys

import keras
import pytest

from applications.common import command

MODULES = ("train", "evaluate", "predict", "explain", "demo")
HELP = """
import importlib, json, sys
usages = {}
for name in sys.argv[1:]:
    module = importlib.import_module(f"applications.facial_expression.{name}")
    try:
        module.main(["--help"])
    except SystemExit as end:
        usages[name] = end.code
print(json.dumps([usages, "keras" in sys.modules]))
"""


def run(job, *argv):
    return command.run(command.parser("A test."), job, argv)


class TestRun:
    def test_bad_input_is_one_line_and_status_2(self, capsys):
        def job(options):
            raise ValueError("a.csv, row 3:\n  too short")

        assert run(job) == 2
        assert capsys.readouterr().err == "error: a.csv, row 3: too short\n"

    def test_a_file_that_cannot_be_opened_is_bad_input(self, capsys, tmp_path):
        assert run(lambda options: (tmp_path / "none").read_text()) == 2
        assert "none" in capsys.readouterr().err

    def test_a_backend_that_is_not_installed_is_one_line(self, capsys):
        def job(options):
            raise ModuleNotFoundError("No module named 'jax'", name="jax")

        assert run(job) == 2
        assert "pip install 'keras_attn[jax]'" in capsys.readouterr().err

    def test_other_errors_keep_their_traceback(self):
        with pytest.raises(ZeroDivisionError):
            run(lambda options: 1 / 0)

    def test_a_job_that_ends_well_has_status_0(self):
        assert run(lambda options: None) == 0


class TestBackend:
    def test_is_left_alone_without_the_option(self, monkeypatch):
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        assert run(lambda options: None) == 0
        assert os.environ["KERAS_BACKEND"] == "jax"

    def test_the_running_one_may_be_asked_for(self, monkeypatch):
        monkeypatch.setenv("KERAS_BACKEND", "")
        running = keras.backend.backend()
        assert run(lambda options: None, "--backend", running) == 0

    def test_is_not_changed_in_a_process_that_runs_another(self, capsys):
        others = set(command.BACKENDS) - {keras.backend.backend()}
        other = sorted(others)[0]
        assert run(lambda options: None, "--backend", other) == 2
        assert "already runs" in capsys.readouterr().err

    def test_can_be_chosen_since_parsing_does_not_import_keras(self):
        done = subprocess.run(
            [sys.executable, "-c", HELP, *MODULES],
            capture_output=True,
            text=True,
            check=True,
        )
        usages, imported = json.loads(done.stdout.splitlines()[-1])
        assert usages == dict.fromkeys(MODULES, 0)
        assert not imported
