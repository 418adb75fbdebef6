import json
import os
import pathlib
import shlex
import subprocess
import sys

import keras
import pytest

from applications.common import command, listing, parsing
from applications.image_classification.parsers import METHODS
from keras_attn import applications, layers
from tests import alone

ROOT = pathlib.Path(command.__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(ROOT.glob("applications/*/*.py"))
    if "\ndef main(" in path.read_text()
]
# Prints status and help of each module, and whether Keras was imported.
HELP = """
import contextlib, io, json, sys
from applications.common import command
texts = {}
for name in sys.argv[1:]:
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            command.begin(name, ["--help"])
    except SystemExit as end:
        texts[name] = end.code, out.getvalue()
print(json.dumps([texts, "keras" in sys.modules]))
"""
START = """
import contextlib, io, sys
from applications.common import command
for name in sys.argv[1:]:
    # The required arguments differ.
    for arguments in ([], ["a.png"], ["--images", "a.png"]):
        told = io.StringIO()
        try:
            with contextlib.redirect_stderr(told):
                command.begin(name, arguments)
        except SystemExit as end:
            assert end.code == 2, name
        if told.getvalue().startswith("error: "):
            print(told.getvalue(), end="", file=sys.stderr)
            break
assert "keras" not in sys.modules
"""


def process(*argv, **environment):
    return subprocess.run(
        [sys.executable, *argv],
        env={**alone(keras.backend.backend()), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def fresh(code, *argv, **environment):
    done = process("-c", code, *(argv or MODULES), **environment)
    assert done.returncode == 0, done.stderr
    return done


def run(job, *argv):
    return command.run(parsing.Parser("A test."), job, argv)


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
        others = set(parsing.BACKENDS) - {keras.backend.backend()}
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
        start = "error: The Keras backend must be installed"
        told = [line for line in lines if line.startswith(start)]
        assert len(told) == len(MODULES)
        for line in told:
            assert "backend='numpy', from KERAS_BACKEND. Installed: " in line
            assert line.endswith(" Or pass --backend.")
        assert not any("Traceback" in line for line in lines)

    def test_is_chosen_before_a_command_imports_keras(self):
        chosen = ("--backend", keras.backend.backend(), "--model", "nowhere")
        module = "applications.facial_expression.predict"
        done = process("-m", module, "a.png", *chosen, KERAS_BACKEND="numpy")
        # TensorFlow may have logged lines before.
        *_, told = done.stderr.splitlines()
        assert told == "error: nowhere: there is no such model"
        assert done.returncode == 2 and "Traceback" not in done.stderr

    def test_is_not_needed_for_help(self):
        module = "applications.facial_expression.predict"
        done = process("-m", module, "--help", KERAS_BACKEND="numpy")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"usage: python -m {module} [options]")

    def test_is_not_read_by_a_program_that_imports_these_modules(self):
        code = "import os, applications.facial_expression.parsers as parsers"
        done = fresh(
            f"{code}; print(parsers.train().prog, os.environ['KERAS_BACKEND'])",
            *("--backend", "nope", "--help"),
            KERAS_BACKEND="torch",
        )
        assert done.stdout == "-c torch\n"


class TestIncompleteModule:
    """If `python -m` finds no module, the existing ones are listed."""

    @pytest.mark.parametrize(
        ("module", "words"),
        [
            ("facial_expresion.train", "Did you mean facial_expression?"),
            ("facial_expression.trian", "Did you mean train?"),
            ("zebra.train", "must be one of facial_expression, "),
        ],
    )
    def test_that_does_not_exist_is_an_error(self, module, words, capsys):
        with pytest.raises(SystemExit, match="2"):
            command.begin(f"applications.{module}", [])
        out, error = capsys.readouterr()
        assert error.startswith("error: ") and error.count("\n") == 1
        assert words in error and not out

    def test_a_task_lists_its_commands_without_keras(self):
        task = "applications.semantic_segmentation"
        for argv in (["-m", task], ["-m", *task.split(".")]):
            done = process("-X", "importtime", *argv, KERAS_BACKEND="numpy")
            assert done.returncode == 0 and "keras" not in done.stderr
            assert done.stdout.startswith(f"usage: python -m {task}.<command>")

    @pytest.mark.parametrize(
        "module",
        ["applications", "applications.common.files", "json.tool", "zebra"],
    )
    def test_other_modules_are_left_to_python(self, module, capsys):
        command.begin(module, ["--help"])
        assert capsys.readouterr() == ("", "")


@pytest.fixture(scope="module")
def helps():
    """Help of each command, and whether it imports Keras."""
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

    @pytest.mark.parametrize(
        ("command", "option", "names"),
        [
            ("train", "--attention", {"none", *layers.names()}),
            ("study", "--attentions", {"none", *layers.names()}),
            (
                "train",
                "--network",
                {x for x in dir(applications) if x[:3] in ("Res", "ViT")},
            ),
            ("explain", "--method", {*METHODS, "attention_rollout"}),
        ],
    )
    def test_an_option_lists_its_names(self, helps, command, option, names):
        text = helps[0][f"applications.image_classification.{command}"][1]
        _, _, rest = text.partition(f"\n  {option} ")
        told, _, _ = rest.partition("\n  --")
        assert names <= set(told.replace(",", " ").split())

    def test_each_option_is_in_a_group(self, helps):
        for name, (_, text) in helps[0].items():
            _, _, options = text.partition("\noptions:\n")
            assert options.startswith("  -h, --help "), name
            rest = options.splitlines()[1:]
            assert rest[0] == "" and rest[1].rstrip(":") in parsing.GROUPS, name

    def test_each_has_examples_that_it_accepts(self):
        for task in listing.tasks():
            for name, options in listing.commands(task).items():
                made = options()
                assert made.examples, (task, name)
                for what, arguments in made.examples:
                    assert what.endswith(".") and len(what) < 75, what
                    made.parse_args(shlex.split(arguments))

    def test_fits_80_columns(self):
        for name, (_, text) in self.narrow().items():
            assert max(map(len, text.splitlines())) <= 80, name

    @staticmethod
    def narrow():
        done = fresh(HELP, COLUMNS="80")
        return json.loads(done.stdout.splitlines()[-1])[0]


def test_an_error_is_one_line_of_limited_length():
    line = command.line_of(ValueError("name\n" * 10**6))
    assert len(line) < 3000 and "\n" not in line
    full = OSError(28, "No space left on device", "/a/model.keras")
    assert command.line_of(full) == "/a/model.keras: No space left on device"
