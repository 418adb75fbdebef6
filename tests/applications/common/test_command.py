import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from applications.common import command
from keras_attn import layers

ROOT = pathlib.Path(command.__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(ROOT.glob("applications/*/*.py"))
    if "\ndef main(" in path.read_text()
]
# Prints the exit status of each module, and whether Keras was imported.
HELP = """
import contextlib, importlib, io, json, sys
texts = {}
for name in sys.argv[1:]:
    module, out = importlib.import_module(name), io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            module.main(["--help"])
    except SystemExit as end:
        texts[name] = end.code, out.getvalue()
print(json.dumps([texts, "keras" in sys.modules]))
"""
START = """
import importlib, sys
for name in sys.argv[1:]:
    main = importlib.import_module(name).main
    # What must be given differs.
    for arguments in ([], ["a.png"], ["--images", "a.png"]):
        try:
            assert main(arguments) == 2, name
            break
        except SystemExit:
            pass
assert "keras" not in sys.modules
"""


def fresh(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *MODULES],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )


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

    def test_can_be_chosen_since_parsing_does_not_import_keras(self, helps):
        texts, imported = helps
        assert len(MODULES) == 20
        assert {name: code for name, (code, _) in texts.items()} == (
            dict.fromkeys(MODULES, 0)
        )
        assert not imported

    def test_that_cannot_be_used_is_one_line_of_every_command(self):
        lines = fresh(START, KERAS_BACKEND="numpy").stderr.splitlines()
        told = [line for line in lines if line.startswith("error: Keras must")]
        assert len(told) == len(MODULES)
        for line in told:
            assert "backend='numpy', from KERAS_BACKEND. Installed: " in line
            assert line.endswith(" Or pass --backend.")
        assert not any("Traceback" in line for line in lines)


@pytest.fixture(scope="module")
def helps():
    """What each command prints by `--help`, and whether it needs Keras."""
    done = fresh(HELP, COLUMNS="1000")
    return json.loads(done.stdout.splitlines()[-1])


class TestHelp:
    def test_no_default_says_nothing(self, helps):
        assert len(MODULES) > 15
        for name, (_, text) in helps[0].items():
            for word in ("None", "False", "Path(", "default: )", "[]"):
                assert word not in text, name

    def test_defaults_that_say_something_are_shown(self, helps):
        for name in ("image_classification.train", "facial_expression.train"):
            text = helps[0][f"applications.{name}"][1]
            assert "(default: 0)" in text and "(default: none)" in text

    def test_the_names_of_all_blocks_are_listed(self, helps):
        for name in ("train", "study"):
            text = helps[0][f"applications.image_classification.{name}"][1]
            (line,) = [x for x in text.splitlines() if "bilinear" in x]
            listed = set(line.replace(",", " ").split())
            assert {"none", *layers.names()} <= listed


def test_an_error_is_one_line_of_limited_length():
    line = command.line_of(ValueError("name\n" * 10**6))
    assert len(line) < 3000 and "\n" not in line
    full = OSError(28, "No space left on device", "/a/model.keras")
    assert command.line_of(full) == "/a/model.keras: No space left on device"
