"""Imports go down the list of rooms, and some things are nowhere."""

import ast
import importlib
import inspect
import pathlib
import pkgutil
import sys

import keras
import pytest

import keras_attn

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_attn"
# What each room may import of the others. `weights` knows no layer or model:
# these tell it their names.
MAY_IMPORT = {
    "backend": set(),
    "ops": {"backend"},
    "layers": {"backend", "ops"},
    "weights": set(),
    "applications": {"layers", "ops", "weights"},
    "explain": {"backend", "ops"},
    "exporting": {"backend"},
}
# And what the rooms inside of `explain` may.
INSIDE_OF_EXPLAIN = {
    "drawing": set(),
    "running": set(),
    "methods": {"running"},
    "features": {"running"},
    "measures": {"methods", "running"},
}
# Modules of the root that know no room, and that each room may import.
GROUND = {"checks", "extras"}
BACKENDS = {"tensorflow", "torch", "jax"}
REQUIRED = {"keras", "numpy", "keras_attn"}
# Imported inside of functions only, by who needs them; the first is the one
# place outside of `backend` that knows PyTorch, to read its checkpoints.
OPTIONAL = {
    "keras_attn/weights/files.py": {"torch", "safetensors", "ml_dtypes"},
    "keras_attn/weights/convert.py": {"ml_dtypes"},
    # Each runs what was exported in the program that the file is for.
    "keras_attn/exporting/runners.py": {
        "onnxruntime",
        "tensorflow",
        "ai_edge_litert",
    },
    "keras_attn/exporting/naming.py": {"onnx"},
    "keras_attn/weights/keras_files.py": {"h5py"},
}
OPTIONAL_OF_DRAWING = {"PIL", "matplotlib"}
# What crafted and damaged files do, and what other threads see.
OF_A_WHOLE_ROOM = {"weights/security", "weights/fuzzing", "explain/threads"}
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal"}


def relative(path):
    return path.relative_to(ROOT).as_posix()


def files_of(*folders):
    return sorted(p for f in folders for p in (ROOT / f).rglob("*.py"))


CODE = files_of("keras_attn")
ALL_CODE = files_of("keras_attn", "applications", "benchmarks", "tests")
every_file = pytest.mark.parametrize("path", CODE, ids=relative)


def imports(source):
    """Yields what is imported, and whether that is inside of a function."""
    tree = ast.parse(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            names = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) in inside


def misplaced_imports(path, source):
    """Returns what a file of the package imports and may not."""
    path = pathlib.PurePosixPath(path)
    room = path.parts[1] if len(path.parts) > 2 else None
    local = OPTIONAL.get(str(path), set())
    if path.match("explain/drawing/*.py"):
        local = OPTIONAL_OF_DRAWING
    found = []
    for name, inside in imports(source):
        first, *rest = name.split(".")
        if first == "keras_attn":
            # The root, and only the root, gathers all rooms.
            if path.stem in GROUND or room is not None:
                allowed = GROUND | MAY_IMPORT.get(room, set()) | {room}
                found += [name] if not rest or rest[0] not in allowed else []
            if room == "explain" and len(path.parts) > 3:
                inside = path.parts[2]
                allowed = INSIDE_OF_EXPLAIN.get(inside, set()) | {inside}
                up = rest[:1] == [room] and not set(rest[1:2]) & allowed
                found += [name] if up else []
        elif first in BACKENDS and room == "backend":
            pass
        elif inside and first in local:
            pass
        elif first not in REQUIRED | sys.stdlib_module_names:
            found.append(name)
    return found


def forbidden(source):
    """Returns what runs code from a file, or is private to Keras."""
    found = [
        name
        for name, _ in imports(source)
        if name.startswith("keras.src") or name.split(".")[0] in PICKLES
    ]
    for node in ast.walk(ast.parse(source)):
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


# Modules and functions that run what somebody else wrote. Tasks may start
# commands of their own; the package starts nothing.
RUNNERS = {"subprocess", "importlib.import_module", "runpy", "ctypes", "yaml"}
RUNNING = {"eval", "exec", "__import__", "import_module"}
PROGRAMS = ("system", "popen", "exec", "spawn", "posix_spawn", "startfile")


def running(source):
    """Returns what starts programs, or looks code up by its name."""
    found = [
        name
        for name, _ in imports(source)
        if any(f"{name}.".startswith(f"{runner}.") for runner in RUNNERS)
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id in RUNNING:
            found.append(node.id)
        # `model.eval()` is PyTorch's way to say that it does not train.
        if isinstance(node, ast.Attribute) and node.attr in RUNNING - {"eval"}:
            found.append(node.attr)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
            found += [node.attr] if node.attr.startswith(PROGRAMS) else []
    return found


@every_file
def test_the_package_starts_nothing(path):
    assert running(path.read_text()) == []


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
def test_what_starts_something_is_found(source):
    assert running(source)


def test_a_resource_and_an_evaluation_mode_start_nothing():
    assert running("from importlib import resources\nnet.eval()") == []


@every_file
def test_imports_go_down(path):
    assert misplaced_imports(relative(path), path.read_text()) == []


@pytest.mark.parametrize(
    "path", files_of("keras_attn/layers/parts"), ids=relative
)
def test_what_blocks_are_made_of_knows_no_block(path):
    above = ("keras_attn.layers.blocks", "keras_attn.layers.historic")
    found = [name for name, _ in imports(path.read_text())]
    assert [name for name in found if name.startswith(above)] == []


@pytest.mark.parametrize("path", ALL_CODE, ids=relative)
def test_nothing_private_and_nothing_that_runs_code_from_files(path):
    found = forbidden(path.read_text())
    if path.parts[len(ROOT.parts)] == "tests":
        # Tests of how crafted files are refused have to make some.
        found = [name for name in found if name.startswith("keras.src")]
    assert found == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("keras_attn/ops/dct.py", "from keras_attn.layers import base"),
        ("keras_attn/ops/dct.py", "import torch"),
        ("keras_attn/ops/dct.py", "def f():\n    import tensorflow as tf"),
        ("keras_attn/ops/dct.py", "from keras_attn import layers"),
        ("keras_attn/ops/dct.py", "import keras_attn"),
        ("keras_attn/ops/dct.py", "from .. import layers"),
        (
            "keras_attn/layers/blocks/se.py",
            "from keras_attn.weights import names",
        ),
        ("keras_attn/weights/files.py", "import torch"),
        ("keras_attn/weights/files.py", "from keras_attn import applications"),
        ("keras_attn/weights/names.py", "def f():\n    import torch"),
        ("keras_attn/applications/vit.py", "from keras_attn import explain"),
        ("keras_attn/explain/cam.py", "import keras_attn.applications"),
        (
            "keras_attn/explain/drawing/plot.py",
            "import matplotlib.pyplot as plt",
        ),
        (
            "keras_attn/explain/methods/cam.py",
            "def f():\n    from PIL import Image",
        ),
        ("keras_attn/explain/methods/cam.py", "from keras_attn import explain"),
        (
            "keras_attn/explain/methods/occlusion.py",
            "from keras_attn.explain.measures.averages import average_drop",
        ),
        (
            "keras_attn/explain/running/places.py",
            "from keras_attn.explain.methods import base",
        ),
        (
            "keras_attn/explain/drawing/plot.py",
            "import keras_attn.explain.running",
        ),
        ("keras_attn/exporting/runners.py", "import tensorflow as tf"),
        ("keras_attn/exporting/runners.py", "def f():\n    import torch"),
        ("keras_attn/exporting/export.py", "from keras_attn import layers"),
        ("keras_attn/exporting/checks.py", "def f():\n    import onnxruntime"),
        ("keras_attn/layers/blocks/se.py", "from applications import config"),
        ("keras_attn/layers/blocks/se.py", "import scipy"),
        ("keras_attn/__init__.py", "import jax"),
        ("keras_attn/extras.py", "from keras_attn import layers"),
    ],
)
def test_a_misplaced_import_is_found(path, source):
    assert len(misplaced_imports(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("keras_attn/__init__.py", "from keras_attn import layers"),
        ("keras_attn/backend/jax.py", "import jax"),
        (
            "keras_attn/layers/blocks/se.py",
            "from keras_attn.ops import pooling",
        ),
        ("keras_attn/weights/files.py", "def f():\n    import torch"),
        (
            "keras_attn/explain/drawing/overlay.py",
            "def f():\n    from PIL import Image",
        ),
        (
            "keras_attn/explain/measures/averages.py",
            "from keras_attn.explain.methods import base",
        ),
        ("keras_attn/weights/names.py", "import dataclasses, numpy"),
        ("keras_attn/weights/files.py", "from keras_attn.extras import f"),
    ],
)
def test_an_import_in_its_place_is_no_finding(path, source):
    assert misplaced_imports(path, source) == []


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
def test_what_is_forbidden_is_found(source):
    assert forbidden(source)


def test_module_evaluation_mode_is_no_finding():
    assert forbidden("model.eval()\nnp.load(path, allow_pickle=False)") == []


@pytest.mark.parametrize(
    "path", files_of("tests/keras_attn", "tests/applications"), ids=relative
)
def test_a_test_lies_where_its_code_lies(path):
    if not path.name.startswith("test_"):
        return
    folder = ROOT / path.parent.relative_to(ROOT / "tests")
    if folder.parts[len(ROOT.parts)] == "applications":
        # A task is tested as a whole: training, evaluation, explanation.
        assert folder.is_dir(), f"there is no {relative(folder)}"
        return
    name = path.stem.removeprefix("test_")
    if f"{path.parent.name}/{name}" in OF_A_WHOLE_ROOM:
        return
    places = [
        folder / f"{name}.py",
        folder / f"_{name}.py",
        folder / name / "__init__.py",
    ]
    assert any(place.exists() for place in places), (
        f"{relative(path)} has no {relative(places[0])}"
    )


def test_a_block_is_three_files():
    """Other public layers in `keras_attn/layers` are tested likewise."""
    here = {path.stem for path in (ROOT / "tests/blocks").glob("[a-z]*.py")}
    pages = {path.stem for path in (ROOT / "docs/layers").glob("*.md")}
    files = {
        path.stem: path.parent.name for path in files_of("keras_attn/layers")
    }
    blocks = {name for name, room in files.items() if room == "blocks"}
    assert blocks - {"__init__"} <= here & pages
    others = here - blocks
    assert others == {n for n in others if files[n] == "layers"}


# What no file can hold, since it is not a layer yet.
ABSTRACT = {"base", "channel_attention"}


def own_layers():
    """Returns all classes of layers in the room, public or not."""
    found = set()
    folder, prefix = str(PACKAGE / "layers"), "keras_attn.layers."
    for module in pkgutil.walk_packages([folder], prefix):
        module = importlib.import_module(module.name)
        found |= {
            cls
            for _, cls in inspect.getmembers(module, inspect.isclass)
            if issubclass(cls, keras.layers.Layer)
            and cls.__module__ == module.__name__
            and module.__name__.rpartition(".")[2] not in ABSTRACT
        }
    return sorted(found, key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", own_layers())
def test_layers_are_registered_under_the_package(cls):
    name = f"keras_attn>{cls.__name__}"
    assert keras.saving.get_registered_name(cls) == name
    assert keras.saving.get_registered_object(name) is cls


def test_public_layers_are_those_of_the_room():
    public = inspect.getmembers(keras_attn.layers, inspect.isclass)
    assert {cls for _, cls in public} <= set(own_layers())
