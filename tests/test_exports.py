"""Tests the export tables of the docs and the run that fills them."""

import json
import pathlib
import sys

import keras
import pytest

from tests.exports import __main__ as walking
from tests.exports import page as pages
from tests.exports.limits import MISSING, limit_of

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / "docs" / "export.md"
BACKEND = keras.backend.backend()
ONE_PIXEL = {
    "kind": "ValueError",
    "message": "... then traces PyTorch on an image of one pixel. ...",
}
NEW = {"kind": "ValueError", "message": "It fails as never before."}
LACKING = {"kind": "ImportError", "message": "... pip install flax"}


def record(**outcomes):
    """Returns a record of outcomes, keyed by `name__format__size`."""
    return {
        "date": "2026-11-23",
        "versions": {"keras": "3.15.1"},
        "outcomes": {
            key.replace("__", " "): {"difference": outcome}
            if isinstance(outcome, float)
            else outcome
            for key, outcome in outcomes.items()
        },
    }


SOME = record(
    SE__onnx__known=1e-7,
    SE__onnx__open=2e-7,
    zfnet__onnx__known=3e-7,
    zfnet__onnx__open=ONE_PIXEL,
    SE__litert__known=LACKING,
    SE__litert__open=LACKING,
    zfnet__litert__known=NEW,
    zfnet__litert__open=NEW,
)


@pytest.mark.each_backend
@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_page_matches_a_new_run(tmp_path):
    """Exports all blocks and models on this backend, for many minutes."""
    path = tmp_path / f"{BACKEND}.json"
    walking.walk(path)
    found = json.loads(path.read_text())
    ours = [
        walking.describe(key, outcome)
        for key, outcome in found["outcomes"].items()
        if walking.is_ours(key, outcome)
    ]
    assert ours == []
    cells = pages.cells(BACKEND, found)
    told = pages.read_cells(PAGE.read_text())
    assert {word for word, _ in cells.values()} >= {pages.YES}
    assert {place: told.get(place) for place in cells} == cells


def test_the_page_has_every_block_and_model():
    from tests.exports.subjects import subjects

    told = pages.read_cells(PAGE.read_text())
    assert {name for name, *_ in told} == set(subjects())
    assert {backend for _, backend, _ in told} == set(pages.BACKENDS)


def test_a_block_follows_layers_with_weights():
    from tests.exports.subjects import subjects

    for name in ("CBAM", "MultiHeadSelfAttention", "AttentionToScale"):
        _, *layers = subjects()[name]["known"]().layers
        before = layers[: len(layers) - 1]
        weighted = [layer for layer in before if layer.trainable_variables]
        assert weighted, name


def test_cells_have_words_and_limits():
    cells = pages.cells("torch", SOME)
    assert cells["SE", "torch", "onnx"] == (pages.YES, ())
    word, (limit,) = cells["zfnet", "torch", "onnx"]
    assert word == pages.ONE_SIZE and limit.startswith("Keras: ")
    word, (limit,) = cells["zfnet", "torch", "litert"]
    assert word == pages.NO and limit.startswith("ours: It fails")
    # Without the package, nothing was tried.
    assert ("SE", "torch", "litert") not in cells


def test_written_tables_can_be_read(tmp_path):
    page, folder = tmp_path / "page.md", tmp_path / "records"
    folder.mkdir()
    (folder / "torch.json").write_text(json.dumps(SOME))
    jax = record(SE__onnx__known=1e-7, SE__onnx__open=ONE_PIXEL)
    (folder / "jax.json").write_text(json.dumps(jax))
    page.write_text(f"before\n{pages.BEGIN}\nold\n{pages.END}\nafter\n")
    pages.write_page(page, folder)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert "old" not in text and "keras 3.15.1" in text
    expected = pages.cells("torch", SOME) | pages.cells("jax", jax)
    assert pages.read_cells(text) == expected
    pages.write_page(page, folder)
    assert page.read_text() == text


def test_results_that_were_not_tried_again_are_kept(tmp_path):
    page, folder = tmp_path / "page.md", tmp_path / "records"
    folder.mkdir()
    page.write_text(f"{pages.BEGIN}\n{pages.END}\n")
    (folder / "torch.json").write_text(json.dumps(SOME))
    jax = record(SE__onnx__known=1e-7, SE__onnx__open=ONE_PIXEL)
    (folder / "jax.json").write_text(json.dumps(jax))
    pages.write_page(page, folder)
    before = page.read_text()
    (folder / "jax.json").unlink()
    lacking = record(SE__onnx__known=LACKING, SE__onnx__open=LACKING)
    (folder / "torch.json").write_text(json.dumps(lacking))
    pages.write_page(page, folder)
    assert pages.read_cells(page.read_text()) == pages.read_cells(before)
    lines = [s for s in before.splitlines() if s.startswith(("JAX", "PyTorch"))]
    assert len(lines) == 2 and {*lines} <= {*page.read_text().splitlines()}
    assert "PyTorch, `SE`: 0 of 0 exports" in page.read_text()


def test_an_unknown_failure_counts_as_ours():
    assert limit_of("zfnet onnx open", ONE_PIXEL).startswith("Keras")
    assert limit_of("zfnet onnx open", NEW) is None
    assert limit_of("zfnet onnx open", LACKING) == MISSING
    assert walking.is_ours("zfnet onnx open", NEW)
    assert not walking.is_ours("zfnet onnx open", {"difference": 1e-7})
    refused = {"kind": "Model", "message": "It needs a known height."}
    assert limit_of("FeatureAct onnx open", refused).startswith("mathematics")
    # With a known size, the model is accepted.
    assert limit_of("FeatureAct onnx known", refused) is None


_WORKER = """
import os, pathlib, sys
from tests.exports import __main__ as walking
done = pathlib.Path(sys.argv[2])

def attempt(make, format):
    done.write_text(done.read_text() + make)
    if make == "b" or make == "h":
        if make == "h":
            import time
            time.sleep(60)
        os.abort()
    return {"difference": 0.0}

walking.LIMIT = 2
walking.attempt = attempt
walking.attempts = lambda: [(x, "onnx", "known", x) for x in "abhc"]
walking.work(pathlib.Path(sys.argv[1]))
"""


def test_a_walk_survives_crashes_and_repeats_nothing(tmp_path):
    path, done = tmp_path / "torch.json", tmp_path / "done"
    done.write_text("")
    command = [sys.executable, "-c", _WORKER, str(path), str(done)]
    for _ in range(2):
        walking.walk(path, command=command)
        outcomes = json.loads(path.read_text())["outcomes"]
        kinds = [outcome.get("kind") for outcome in outcomes.values()]
        assert kinds == [None, "Crash", "Crash", None]
        assert done.read_text() == "abhc"


def test_a_walk_that_cannot_begin_raises(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with pytest.raises(RuntimeError, match="no such thing"):
        walking.walk(tmp_path / "torch.json", command=command)
