"""Tests the direction of imports and the places of files."""

import importlib
import inspect
import pathlib
import pkgutil
import sys

import keras
import pytest

import keras_attn
from tests.source import (
    ALL_CODE,
    CODE,
    GROUND,
    MAY_IMPORT,
    PACKAGE,
    ROOT,
    files_of,
    imports,
    relative,
)

pytestmark = pytest.mark.once

# The imports allowed between the rooms inside `explain`.
INSIDE_OF_EXPLAIN = {
    "drawing": set(),
    "running": set(),
    "methods": {"running"},
    "features": {"running"},
    "measures": {"methods", "running"},
}
BACKENDS = {"tensorflow", "torch", "jax"}
REQUIRED = {"keras", "numpy", "keras_attn"}
# Imported only inside functions, by the files that need them. Outside
# `backend`, only the first imports PyTorch, to read its checkpoints.
OPTIONAL = {
    "keras_attn/weights/files.py": {"torch", "safetensors", "ml_dtypes"},
    "keras_attn/weights/convert.py": {"ml_dtypes"},
    # Each one runs an exported model in the runtime of its format.
    "keras_attn/exporting/runners.py": {
        "onnxruntime",
        "tensorflow",
        "ai_edge_litert",
    },
    "keras_attn/exporting/naming.py": {"onnx"},
    "keras_attn/weights/keras_files.py": {"h5py"},
    # The only file that downloads from the Hugging Face Hub.
    "keras_attn/applications/pretrained/hub.py": {"huggingface_hub"},
    "keras_attn/applications/pretrained/image_preparation.py": {"PIL"},
}
OPTIONAL_OF_DRAWING = {"PIL", "matplotlib"}
# Tests of crafted files, of damaged files and of other threads.
OF_A_WHOLE_ROOM = {"weights/security", "weights/fuzzing", "explain/threads"}
LONGEST = 300


def misplaced_imports(path, source):
    """Returns the forbidden imports of a file of the package."""
    path = pathlib.PurePosixPath(path)
    room = path.parts[1] if len(path.parts) > 2 else None
    local = OPTIONAL.get(str(path), set())
    if path.match("explain/drawing/*.py"):
        local = OPTIONAL_OF_DRAWING
    found = []
    for name, inside in imports(source):
        first, *rest = name.split(".")
        if first == "keras_attn":
            # Only the root imports all rooms.
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


def test_each_room_is_drawn():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert (MAY_IMPORT.keys(), GROUND) == (rooms, modules)


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_imports_go_down(path):
    assert misplaced_imports(relative(path), path.read_text()) == []


@pytest.mark.parametrize(
    "path", files_of("keras_attn/layers/parts"), ids=relative
)
def test_layer_parts_import_no_block(path):
    above = ("keras_attn.layers.blocks", "keras_attn.layers.historic")
    found = [name for name, _ in imports(path.read_text())]
    assert [name for name in found if name.startswith(above)] == []


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
def test_an_allowed_import_is_accepted(path, source):
    assert misplaced_imports(path, source) == []


def is_misplaced(path):
    """Returns whether a test file is not where its code is.

    x/y/z.py is tested by tests/x/y/test_z.py or by the files in tests/x/y/z.
    """
    path = pathlib.PurePosixPath(path)
    _, *folder = path.parent.parts
    folder = ROOT.joinpath(*folder)
    if path.parts[1] == "applications":
        # A task is tested as a whole: training, evaluation and explanation.
        return not folder.is_dir()
    name = path.stem.removeprefix("test_")
    if f"{folder.name}/{name}" in OF_A_WHOLE_ROOM:
        return False
    if f"{folder.parent.name}/{folder.name}" in OF_A_WHOLE_ROOM:
        return False
    places = [
        folder / f"{name}.py",
        folder / f"_{name}.py",
        folder / name / "__init__.py",
        folder.with_suffix(".py"),
    ]
    return not any(place.exists() for place in places)


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in files_of("tests/keras_attn", "tests/applications")
        if path.name.startswith("test_")
    ],
    ids=relative,
)
def test_test_files_mirror_the_code(path):
    assert not is_misplaced(relative(path))


@pytest.mark.parametrize(
    "path",
    [
        "tests/applications/nowhere/test_train.py",
        "tests/keras_attn/test_nowhere.py",
        "tests/keras_attn/weights/test_nowhere.py",
        "tests/keras_attn/weights/nowhere/test_files.py",
    ],
)
def test_a_misplaced_test_is_found(path):
    assert is_misplaced(path)


def too_long(lengths):
    """Returns the files whose number of lines is over the limit."""
    return {name: n for name, n in lengths.items() if n > LONGEST}


def test_no_file_is_too_long():
    lengths = {relative(p): p.read_text().count("\n") for p in ALL_CODE}
    assert too_long(lengths) == {}


def test_a_long_file_is_found():
    assert too_long({"a.py": 300, "b.py": 301}) == {"b.py": 301}


def test_a_block_is_three_files():
    """Other public layers in `keras_attn/layers` are tested in the same way."""
    here = {path.stem for path in (ROOT / "tests/blocks").glob("[a-z]*.py")}
    pages = {path.stem for path in (ROOT / "docs/layers").glob("*.md")}
    files = {
        path.stem: path.parent.name for path in files_of("keras_attn/layers")
    }
    blocks = {name for name, room in files.items() if room == "blocks"}
    assert blocks - {"__init__"} <= here & pages
    others = here - blocks
    assert others == {n for n in others if files[n] == "layers"}


# Abstract bases, which saved files cannot contain.
ABSTRACT = {"base", "channel_attention", "path_attention"}


def own_layers():
    """Returns all layer classes in the room, public or private."""
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


def test_public_layers_match_the_room():
    public = inspect.getmembers(keras_attn.layers, inspect.isclass)
    assert {cls for _, cls in public} <= set(own_layers())
