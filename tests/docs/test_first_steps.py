"""Runs the first code that a new user copies, as printed."""

import ast
import os
import pathlib
import re
import subprocess
import sys

import keras
import pytest

from keras_attn.extras import how_to_install
from tests import alone
from tests.docs.test_pages import examples

ROOT = pathlib.Path(__file__).parents[2]
README, QUICKSTART = ROOT / "README.md", ROOT / "docs" / "quickstart.md"
BACKENDS = {"jax", "torch", "tensorflow"}
# Only the square reaches 0.5 in the colour of its class. In 18 maps of six
# networks, its values were 6 to 12 times those of the rest.
CHECK = """
import pathlib
assert pathlib.Path("squares.png").read_bytes().startswith(b"\\x89PNG")
for image, label, heat in zip(images, labels, np.asarray(maps)):
    square = image[..., label] >= 0.5
    assert heat[square].mean() > 2 * heat[~square].mean(), heat
"""


def first_code(path):
    """Returns the first code of a page and the backend that it selects."""
    code = next(examples(path.read_text()))
    return code, ast.parse(code).body[1].value.value


@pytest.mark.parametrize("path", [README, QUICKSTART], ids=lambda p: p.stem)
def test_the_backend_is_chosen_before_anything_reads_it(path):
    code, chosen = first_code(path)
    first, second, *others = ast.parse(code).body
    assert ast.unparse(first) == "import os"
    assert ast.unparse(second.targets[0]) == "os.environ['KERAS_BACKEND']"
    comment = code.splitlines()[second.lineno - 1].partition("#")[2]
    assert {chosen, *re.findall(r'"(\w+)"', comment)} == BACKENDS
    # Without a backend, the package raises one line and Keras a traceback.
    imported = [
        alias.name
        for node in others
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    assert imported.index("keras_attn") < [*imported, "keras"].index("keras")


def test_the_code_of_the_readme_shows_where_its_network_looks(tmp_path):
    code, chosen = first_code(README)
    # The code works with every backend that its comment names. JAX compiles
    # the longest, so the running backend is used.
    running = keras.backend.backend()
    code = code.replace(f'"{chosen}"', f'"{running}"', 1)
    environment = alone(running)
    del environment["KERAS_BACKEND"]
    path = [environment["PYTHONPATH"], str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-c", code + CHECK],
        env={
            **environment,
            "KERAS_HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join(path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]


# An extra counts anywhere, because the command can be on another line.
OF_A_RELEASE = re.compile(r"keras_attn\[|pip install[\s\"'f]*keras_attn\b")


def test_no_release_is_advised_before_there_is_one():
    pages = [README, *(ROOT / "docs").rglob("*.md")]
    for folder in ("keras_attn", "applications"):
        for ending in ("*.py", "*.md"):
            pages += (ROOT / folder).rglob(ending)
    assert len(pages) > 200
    found = [p for p in pages if OF_A_RELEASE.search(p.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        'pip install "keras_attn[jax]"',
        "pip install keras_attn",
        '"pip install "\n    f"\'keras_attn[{extra}]\'"',
        '"Run pip install "\n    "keras_attn"',
    ],
)
def test_advice_to_install_a_release_is_found(text):
    assert OF_A_RELEASE.search(text)


def test_advice_to_install_a_clone_is_no_finding():
    assert not OF_A_RELEASE.search(how_to_install("images"))
