"""The page of benchmarks is complete, and computed from its own rows."""

import pathlib
import re

import pytest

from benchmarks import report, summary
from benchmarks.tables import read

ROOT = pathlib.Path(__file__).parents[2]
MODULES = sorted(
    path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if "harness.answer(" in path.read_text()
)


@pytest.fixture(scope="module")
def page():
    return (ROOT / report.PAGE).read_text()


@pytest.mark.parametrize("backend", report.BACKENDS)
@pytest.mark.parametrize("question", report.QUESTIONS)
def test_each_question_is_answered_on_each_backend(question, backend, page):
    _, _, section = page.partition(f"\n{report.heading(question, backend)}\n")
    origin, rows = read(section.partition("\n#")[0])
    assert re.match(r"\d{4}-\d\d-\d\d, .+ cores.*; keras \d.*\.$", origin)
    assert rows


@pytest.mark.parametrize("module", MODULES)
def test_one_command_runs_each_module(module):
    recipe = (ROOT / "Makefile").read_text().partition("\nbench:")[2]
    assert re.search(rf"in [\w ]*\b{module}\b", recipe)
    source = (ROOT / "benchmarks" / f"{module}.py").read_text()
    asked = re.findall(r'harness\.answer\(\s*"(\w+)"', source)
    assert asked
    assert set(asked) <= set(report.QUESTIONS)


@pytest.fixture
def rewrite(tmp_path, monkeypatch):
    """Returns a function that runs the command on a page."""
    pytest.importorskip("matplotlib")
    # Nothing is recorded on this machine.
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")

    def run(text):
        target = tmp_path / "benchmarks.md"
        target.write_text(text)
        report.main([str(target)])
        return target.read_text()

    return run


def test_the_page_is_what_the_command_writes(rewrite, page, tmp_path):
    assert rewrite(page) == page
    picture = (tmp_path / report.PICTURE).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert (ROOT / report.PAGE.parent / report.PICTURE).exists()
    assert f"]({report.PICTURE})" in page


def test_the_summary_follows_the_rows(rewrite, page):
    row = re.search(r"(?m)^\| SRM \| .*$", page)[0]
    slow = re.sub(r"\| \d+\.\d\d \(", "| 9.99 (", row)
    text = rewrite(page.replace(row, slow))
    for changed in (slow, "0.01–9.99"):
        assert changed in text
        assert changed not in page


def test_the_summary_is_short_and_names_slower_and_faster_blocks(page):
    text = page.partition("\n## Summary\n")[2].partition("\n![")[0]
    assert len([line for line in text.splitlines() if line]) <= 20
    for word in ("Slower", "Faster"):
        assert f"\n- **{word}** than plain PyTorch" in text


def test_recorded_rows_replace_those_of_the_page(rewrite, page, monkeypatch):
    result = {
        "backend": "jax",
        "date": "2030-01-31",
        "machine": "a machine, 2 cores",
        "versions": {"keras": "9.9", "jax": "9.8"},
        "rows": [{"mode": "training", "plain ms": 2.0, "ours ms": 7.0}],
    }
    monkeypatch.setattr(
        report,
        "recorded",
        lambda question: {"jax": result} if question == "zfnet" else {},
    )
    text = rewrite(page)
    section = text.partition("\n### ZF-Net on jax\n")[2].partition("\n#")[0]
    assert section.strip() == (
        "2030-01-31, a machine, 2 cores; keras 9.9, jax 9.8.\n\n"
        "| mode | plain ms | ours ms |\n|---|---|---|\n| training | 2.0 | 7.0 |"
    )
    assert "2030-01-31" in text.partition("\n## Summary\n")[2].partition("|")[0]
    assert "–3.50)" in text.partition("\n![")[0]


FOUND = {
    ("layers", "jax"): (
        "2026-01-02, a machine; keras 3, jax 1.",
        [
            {
                "block": "SE",
                "forward 2 x 2": "2.00 (1.0 ms)",
                "forward 1 x 1": "4.00 (1.0 ms)",
                "backward 2 x 2": "0.50 (1.0 ms)",
                "backward 1 x 1": "",
            }
        ],
    ),
    ("models", "torch"): (
        "2026-01-03, a machine; keras 3, torch 2.",
        [{"without ms": "1,500.0", "plain ms": "1000.0", "ours ms": "9.0"}],
    ),
}


def test_ratios_are_those_of_equal_computations():
    column = "ours / plain PyTorch"
    rows = {row.pop(column): row for row in summary.rows_of(FOUND)}
    assert rows == {
        "Blocks, inference": {
            "on JAX": "3.00 (2.00–4.00)",
            "on TensorFlow": "",
            "on PyTorch": "",
        },
        "Blocks, training": {
            "on JAX": "0.50",
            "on TensorFlow": "",
            "on PyTorch": "",
        },
        "ResNet-50 without attention": {
            "on JAX": "",
            "on TensorFlow": "",
            "on PyTorch": "1.50",
        },
    }
    assert summary.count(FOUND) == 4


def test_the_verdict_counts_cases():
    slower, faster = summary.verdicts(FOUND)
    assert slower == (
        "**Slower** than plain PyTorch at most shapes, in inference: "
        "SE 3.00 (2 of 2)."
    )
    assert faster.endswith("in training: SE 0.50.")


def test_the_conditions_are_those_of_all_tables():
    assert summary.conditions(FOUND) == (
        "a machine (2026-01-02 to 2026-01-03), with keras 3, jax 1, torch 2"
    )
