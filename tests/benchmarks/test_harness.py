"""An interrupted run of measurements resumes where it stopped."""

import json

import pytest

from benchmarks import harness

CASES = [("a",), ("b",), ("c",)]


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "code").mkdir()
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(harness, "SOURCES", [str(tmp_path / "code")])
    monkeypatch.setattr(harness, "PAUSE", 0.0)
    monkeypatch.setattr("torch.set_num_threads", lambda count: None)
    monkeypatch.setattr("sys.argv", ["a module"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def run(measured, interrupted_at=None):
    """Measures the cases, and appends them to a list; may stop at one."""

    def subject(case):
        if case == interrupted_at:
            raise KeyboardInterrupt
        measured.append(case)
        return lambda: None

    harness.answer(
        "question",
        cases=CASES,
        subjects={"ours": subject},
        row=lambda case, times, memory: {"case": case[0], **times},
    )


def results(tmp_path):
    (path,) = (tmp_path / "results").iterdir()
    return path, json.loads(path.read_text())


@pytest.fixture
def interrupted():
    with pytest.raises(KeyboardInterrupt):
        run([], interrupted_at="c")


def test_resumes_where_it_stopped(tmp_path, interrupted):
    _, before = results(tmp_path)
    measured = []
    run(measured)
    _, after = results(tmp_path)
    assert measured == ["c"]
    assert [row["case"] for row in after["rows"]] == ["a", "b", "c"]
    assert after["rows"][:2] == before["rows"]


@pytest.mark.parametrize("changed", ["code", "machine", "versions"])
def test_starts_over_under_other_conditions(tmp_path, interrupted, changed):
    if changed == "code":
        (tmp_path / "code" / "layer.py").write_text("y = x")
    else:
        path, found = results(tmp_path)
        path.write_text(json.dumps({**found, changed: "another"}))
    measured = []
    run(measured)
    assert measured == ["a", "b", "c"]


def test_starts_over_on_request(interrupted, monkeypatch):
    monkeypatch.setattr("sys.argv", ["a module", "--again"])
    measured = []
    run(measured)
    assert measured == ["a", "b", "c"]


def test_a_selected_case_is_not_recorded(tmp_path, interrupted, monkeypatch):
    before = results(tmp_path)
    monkeypatch.setattr("sys.argv", ["a module", "--only", "a"])
    measured = []
    run(measured)
    assert measured == ["a"]
    assert results(tmp_path) == before
