import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from keras_attn.backend import choice

ROOT = pathlib.Path(choice.__file__).parents[2]
# Imports the package repeatedly in one process, each time with only the
# backends in `present` installed, and prints how each import ended.
SCRIPT = """
import json, os, sys, traceback
from importlib.machinery import PathFinder
class Only:
    def find_spec(self, name, path=None, target=None):
        absent = {"tensorflow", "torch", "jax"} - set(present)
        return None if name in absent else PathFinder.find_spec(name, path)
sys.meta_path[sys.meta_path.index(PathFinder)] = Only()
ends = []
for name, present in json.loads(sys.argv[1]):
    os.environ["KERAS_BACKEND"] = name
    try:
        import keras_attn
    except ImportError:
        ends.append(traceback.format_exc())
print(json.dumps([ends, "keras" in sys.modules]))
"""


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    """Returns a folder of three packages, one of which cannot be imported."""
    folder = tmp_path_factory.mktemp("fakes")
    for name in choice.KNOWN:
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
    (folder / "jax" / "__init__.py").write_text(
        "raise ImportError('libjax.so:\\n  wrong ELF class')"
    )
    return folder


def ends(runs, folder):
    """Returns the tracebacks of imports in a new process without Keras."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(runs)],
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            "KERAS_HOME": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found, has_keras = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == len(runs)
    assert not has_keras
    return [end.strip().splitlines() for end in found]


SET = "The Keras backend must be installed, and be one of "
REFUSED = {
    ("", ("torch",)): "'tensorflow', the default of Keras. Installed: torch. ",
    ("jax", ("tensorflow", "torch")): (
        "'jax', from KERAS_BACKEND. Installed: tensorflow, torch. "
    ),
    ("pytorch", ("torch", "jax")): (
        "'pytorch', from KERAS_BACKEND. Installed: torch, jax. "
    ),
    ("numpy", ("jax",)): 'set os.environ["KERAS_BACKEND"] = "jax"',
    ("torch", ()): 'Installed: none. Install one: pip install -e ".[torch]"',
    ("openvino", ()): 'Installed: none. Install one: pip install -e ".[jax]"',
}


@pytest.fixture(scope="module")
def refused(fakes):
    return dict(zip(REFUSED, ends(list(REFUSED), fakes), strict=True))


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_an_import_without_the_backend_ends_in_one_line(refused, case):
    *before, line = refused[case]
    assert line.startswith(f"ImportError: {SET}")
    assert REFUSED[case] in line
    # Only lines of the package: Keras was not imported, and there is no cause.
    assert len(before) < 15, before
    assert not any("/keras/" in place for place in before)


def test_the_error_names_the_reason_if_an_import_fails(fakes):
    all_three = list(choice.KNOWN)
    broken, stale = ends([("jax", all_three), ("torch", all_three)], fakes)
    assert broken[-1] == (
        "ImportError: Keras must be able to import its backend. Received: "
        "backend='jax', from KERAS_BACKEND, and ImportError: libjax.so: wrong "
        'ELF class. Reinstall it (pip install -e ".[jax]" in a clone of '
        "keras_attn), or set KERAS_BACKEND."
    )
    # Modules of Keras remember its first backend.
    assert "backend='torch', from KERAS_BACKEND, and ImportErr" in stale[-1]
    assert stale[-1].endswith(
        "Restart Python: an earlier import of Keras failed."
    )


class TestStart:
    def test_returns_the_backend_of_keras(self):
        assert choice.start() == keras.backend.backend()

    def test_rejects_a_running_backend_without_support(self, monkeypatch):
        monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
        message = f"{SET}.*'openvino', on which Keras runs in this process"
        with pytest.raises(ImportError, match=message):
            choice.start()


class TestChosen:
    @pytest.fixture(autouse=True)
    def home(self, monkeypatch, tmp_path):
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        monkeypatch.delenv("KERAS_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".keras").mkdir()
        return tmp_path / ".keras"

    def test_is_tensorflow_by_default(self):
        assert choice.chosen() == ("tensorflow", "the default of Keras")

    def test_reads_the_file_in_the_home_folder(self, home):
        file = home / "keras.json"
        file.write_text('{"backend": "jax", "floatx": "float32"}')
        assert choice.chosen() == ("jax", f"from {file}")

    def test_reads_the_file_in_keras_home(self, home, monkeypatch, tmp_path):
        (home / "keras.json").write_text('{"backend": "jax"}')
        (tmp_path / "keras.json").write_text('{"backend": "torch"}')
        monkeypatch.setenv("KERAS_HOME", "~")
        assert choice.chosen() == ("torch", f"from {tmp_path / 'keras.json'}")

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "3", '{"floatx": "float16"}']
    )
    def test_ignores_a_file_without_a_backend(self, home, text):
        (home / "keras.json").write_text(text)
        assert choice.chosen() == ("tensorflow", "the default of Keras")

    def test_the_variable_overrides_the_file(self, home, monkeypatch):
        (home / "keras.json").write_text('{"backend": "jax"}')
        monkeypatch.setenv("KERAS_BACKEND", "torch")
        assert choice.chosen() == ("torch", "from KERAS_BACKEND")
        monkeypatch.setenv("KERAS_BACKEND", "")
        assert choice.chosen()[0] == "jax"


def test_a_folder_is_not_an_installed_backend(monkeypatch, tmp_path):
    (tmp_path / "torhc").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(choice, "KNOWN", ("torhc", "this"))
    assert choice.installed() == ["this"]
