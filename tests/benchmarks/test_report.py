"""The page of benchmarks is whole."""

import pathlib
import re

import pytest

from benchmarks import report

ROOT = pathlib.Path(__file__).parents[2]
MODULES = sorted(
    path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if "harness.answer(" in path.read_text()
)


@pytest.mark.parametrize("backend", report.BACKENDS)
@pytest.mark.parametrize("question", report.QUESTIONS)
def test_each_question_is_answered_on_each_backend(question, backend):
    title, *_ = report.QUESTIONS[question]
    text = (ROOT / report.PAGE).read_text()
    _, _, section = text.partition(f"\n### {title} on {backend}\n")
    origin, _, table = section.strip().partition("\n\n")
    assert re.match(r"\d{4}-\d\d-\d\d, .+ cores.*; keras \d.*\.$", origin)
    assert len(re.findall(r"(?m)^\| ", table.partition("\n\n")[0])) > 1


@pytest.mark.parametrize("module", MODULES)
def test_one_command_runs_each_module(module):
    recipe = (ROOT / "Makefile").read_text().partition("\nbench:")[2]
    assert re.search(rf"in [\w ]*\b{module}\b", recipe)
    source = (ROOT / "benchmarks" / f"{module}.py").read_text()
    asked = re.findall(r'harness\.answer\(\s*"(\w+)"', source)
    assert asked
    assert set(asked) <= set(report.QUESTIONS)
