"""Tests that no code starts programs or uses private API of Keras."""

import ast

import pytest

from tests.source import ALL_CODE, CODE, ROOT, imports, parsed, relative

pytestmark = pytest.mark.once

PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal"}


def forbidden(source):
    """Returns the uses that run code from a file or are private to Keras."""
    found = [
        name
        for name, _ in imports(source)
        if name.startswith("keras.src") or name.split(".")[0] in PICKLES
    ]
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Attribute) and node.attr == "src":
            if isinstance(node.value, ast.Name) and node.value.id == "keras":
                found.append("keras.src")
        if isinstance(node, ast.Attribute) and (
            node.attr == "enable_unsafe_deserialization"
        ):
            found.append(node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("eval", "exec", "compile"):
                found.append(f"{node.func.id}(")
        if isinstance(node, ast.keyword):
            safe = {"safe_mode": True, "weights_only": True}
            safe["allow_pickle"] = False
            if node.arg in safe and not (
                isinstance(node.value, ast.Constant)
                and node.value.value is safe[node.arg]
            ):
                found.append(f"{node.arg}={ast.unparse(node.value)}")
    return found


# Modules and functions that run other code. Tasks may start their own commands;
# the package starts nothing.
RUNNERS = {"subprocess", "importlib.import_module", "runpy", "ctypes", "yaml"}
RUNNING = {"eval", "exec", "__import__", "import_module"}
PROGRAMS = ("system", "popen", "exec", "spawn", "posix_spawn", "startfile")


def running(source):
    """Returns the uses that start programs or look up code by name."""
    found = [
        name
        for name, _ in imports(source)
        if any(f"{name}.".startswith(f"{runner}.") for runner in RUNNERS)
    ]
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Name) and node.id in RUNNING:
            found.append(node.id)
        # `model.eval()` switches a PyTorch model to inference mode.
        if isinstance(node, ast.Attribute) and node.attr in RUNNING - {"eval"}:
            found.append(node.attr)
        of_os = isinstance(node, ast.Attribute) and isinstance(
            node.value, ast.Name
        )
        if of_os and node.value.id == "os":
            found += [node.attr] if node.attr.startswith(PROGRAMS) else []
    return found


def test_the_package_starts_nothing():
    found = {relative(path): running(path.read_text()) for path in CODE}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "import importlib\nimportlib.import_module(name)",
        "from importlib import import_module",
        "__import__(name)",
        "e = eval",
        "os.system(text)",
        "os.execvp(text, texts)",
        "import yaml",
    ],
)
def test_code_that_starts_programs_is_found(source):
    assert running(source)


def test_resources_and_evaluation_mode_start_nothing():
    assert running("from importlib import resources\nnet.eval()") == []


def test_no_private_api_and_no_code_from_files():
    every = {}
    for path in ALL_CODE:
        found = forbidden(path.read_text())
        if path.parts[len(ROOT.parts)] == "tests":
            # Tests with crafted files must create them.
            found = [name for name in found if name.startswith("keras.src")]
        if found:
            every[relative(path)] = found
    assert every == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from keras.src import backend",
        "import keras.src.layers",
        "import keras\nkeras.src.backend",
        "eval('1')",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "keras.models.load_model(path, safe_mode=False)",
        "torch.load(path, weights_only=False)",
        "keras.config.enable_unsafe_deserialization()",
    ],
)
def test_forbidden_code_is_found(source):
    assert forbidden(source)


def test_module_evaluation_mode_is_accepted():
    assert forbidden("model.eval()\nnp.load(path, allow_pickle=False)") == []
