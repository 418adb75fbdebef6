"""Measuring on a GPU continues after a failure, and the page is complete."""

import json
import math
import pathlib
import subprocess
import sys

import pytest

from benchmarks import harness
from benchmarks.gpu import __main__ as command
from benchmarks.gpu import page, rows
from benchmarks.gpu.networks import NETWORKS

ROOT = pathlib.Path(__file__).parents[2]
ROW = {
    **{"network": "ResNet-50", "backend": "jax", "mode": "training"},
    **{"batch": 128, "side": 224, "date": "2026-11-28", "machine": "a GPU"},
    "versions": {"keras": "3.15.1", "jax": "0.11.2"},
    "errors": {},
    "images/s": {"ours": 3000.0, "timm": 2400.0, "timm compiled": 2500.0},
    "MiB": {"ours": 9000.4, "timm": 12000.0},
}


@pytest.fixture
def options(tmp_path):
    pytest.importorskip("torch")
    results = str(tmp_path / "results.jsonl")
    return command.parsed(
        ["--batch", "8", "--size", "32", "--rounds", "1", "--results", results]
    )


def lines(options):
    return command.lines_of(options.results)


def nothing():
    """Returns steps that do nothing, in the form of `subjects.steps`."""
    return {"inference": lambda: None, "training": lambda: None}


def test_a_row_has_images_per_second(options, monkeypatch):
    ms = {"ours": 10.0, "plain": 40.0, "plain compiled": 8.0}
    asked, in_turns = [], []

    def make(name, who, batch, side):
        asked.append((name, batch, side))
        return nothing()

    def medians(functions, rounds, seconds):
        in_turns.append(set(functions))
        return ms

    monkeypatch.setattr(harness, "medians", medians)
    options.batch = 16
    rows.measure("DeepLab-ASC", "torch", options, make)
    # An eighth of the batch, and the smaller of both sides.
    assert set(asked) == {("DeepLab-ASC", 2, 32)}
    assert in_turns == [set(ms), set(ms)]
    inference, training = lines(options)
    assert (inference["mode"], training["mode"]) == ("inference", "training")
    for row in (inference, training):
        assert list(row["images/s"].values()) == [200.0, 50.0, 250.0]
        assert row["errors"] == {}


def test_a_subject_that_fails_is_left_out(options):
    def fails():
        raise RuntimeError("no memory\nat all")

    def make(name, who, batch, side):
        if who == "timm":
            raise ImportError("no timm")
        steps = nothing()
        return steps | {"training": fails} if who == "plain" else steps

    options.eager = True
    rows.measure("ViT-S/16", "torch", options, make)
    inference, training = lines(options)
    no_timm = {"timm": "ImportError: no timm"}
    assert inference["errors"] == no_timm
    assert set(inference["images/s"]) == {"ours", "plain"}
    assert training["errors"] == no_timm | {"plain": "RuntimeError: no memory"}
    assert set(training["images/s"]) == {"ours"}


def test_without_rounds_nothing_is_measured(options):
    options.rounds = 0
    rows.measure("FERNet", "torch", options, lambda *_: nothing())
    assert [row.get("images/s") for row in lines(options)] == [None, None]


def process(code):
    """Starts Python code instead of the process of a row."""
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)


def test_a_row_that_crashes_or_hangs_stops_no_other(options):
    good = [{**ROW, "mode": mode} for mode in ("inference", "training")]
    text = "".join(f"{json.dumps(row)}\n" for row in good)
    append = f"open({str(options.results)!r}, 'a').write({text!r})"
    codes = {
        "a": "input(); import os; os.abort()",
        "b": "input(); import time; time.sleep(60)",
        "c": f"input(); {append}",
    }
    options.limit = 3
    failed = command.run(
        [("ResNet-50", backend) for backend in "abc"],
        options,
        lambda row: process(codes[row[1]]),
    )
    assert failed == 4
    crashed, _, hung, _, *measured = lines(options)
    assert crashed["errors"] == {"row": "the process ended with status -6"}
    assert hung["errors"] == {"row": "not done in 3 s"}
    assert measured == good


def test_no_row_starts_without_time(options):
    options.seconds = 0
    assert command.run([("Grad-CAM", "jax")], options, pytest.fail) == 1
    (row,) = lines(options)
    assert row["mode"] == "maps"
    assert row["errors"] == {"row": "no time was left"}


@pytest.mark.parametrize("name", ["CBAM-ResNet-50", "ViT-S/16", "FERNet"])
def test_plain_has_the_parameters_of_ours(name):
    torch = pytest.importorskip("torch")
    network = NETWORKS[name]
    with torch.device("meta"):
        plain = network.plain(network.side)
    count = sum(each.numel() for each in plain.parameters())
    weights = network.ours(network.side).trainable_weights
    assert sum(math.prod(weight.shape) for weight in weights) == count


@pytest.fixture
def written(tmp_path):
    """Returns a function that writes rows into a page and returns its text."""

    def write(*files):
        target = tmp_path / "page.md"
        target.write_text(
            f"before\n{page.MARKS[0]}\nold\n{page.MARKS[1]}\nend\n"
        )
        paths = []
        for i, found in enumerate(files):
            paths.append(tmp_path / f"{i}.jsonl")
            paths[-1].write_text("".join(json.dumps(r) + "\n" for r in found))
        page.write(target, paths)
        return target.read_text()

    return write


def test_the_page_has_ratios_and_keeps_the_text_around_the_marks(written):
    text = written([ROW])
    assert text.startswith("before\n<!--")
    assert text.endswith("-->\nend\n")
    assert "old" not in text
    assert "### Training on jax\n\n2026-11-28, a GPU; keras 3.15.1" in text
    row = "| ResNet-50 | 128 | 3,000 |  | 2,400 (1.25) | 2,500 (1.20) |"
    assert row in text
    assert "| ResNet-50 | 9,000 |  | 12,000 |" in text


def test_a_later_measured_row_replaces_an_earlier_one(written):
    slow = {**ROW, "images/s": {"ours": 1.0}}
    failed = {n: ROW[n] for n in ("network", "backend", "mode")}
    failed["errors"] = {"row": "no time was left"}
    text = written([slow], [ROW], [failed])
    assert "| 3,000 |" in text
    assert "Not measured" not in text


def test_the_page_names_what_failed(written):
    text = written([{**ROW, "errors": {"plain": "RuntimeError: no memory"}}])
    line = "- ResNet-50, training on jax, plain: RuntimeError: no memory\n"
    assert f"Not measured:\n\n{line}" in text


def test_the_page_of_the_documentation_has_the_marks():
    text = (ROOT / "docs" / "gpu.md").read_text()
    assert [text.count(mark) for mark in page.MARKS] == [1, 1]
