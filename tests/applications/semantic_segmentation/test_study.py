import numpy as np
import pytest

from applications.common import reports, runs
from applications.semantic_segmentation import results, study
from applications.semantic_segmentation.config import Config

MATRIX = np.diag([5, 4, 3, 2, 1, 9]) + 1


def test_an_arm_is_a_row():
    arm = results.Arm("some", [MATRIX, np.diag(np.arange(1, 7))])
    unions = [
        MATRIX[i, i] / (MATRIX[i].sum() + MATRIX[:, i].sum() - MATRIX[i, i])
        for i in range(6)
    ]
    np.testing.assert_allclose(arm.means, [np.mean(unions), 1.0])
    cells = arm.cells()
    assert cells[:3] == [
        "some",
        f"{(np.mean(unions) + 1) / 2:.3f}",
        f"{np.mean(unions):.3f}, 1.000",
    ]
    assert cells[4] == f"{(unions[0] + 1) / 2:.2f}"
    assert len(results.table([arm]).splitlines()) == 3


def test_a_page_keeps_what_is_around_the_marks(tmp_path, monkeypatch):
    monkeypatch.setattr(
        results, "draw", lambda run, folder: {"a.png": "A picture"}
    )
    page = tmp_path / "docs" / "applications" / "page.md"
    page.parent.mkdir(parents=True)
    start, end = results.MARKS
    page.write_text(f"Before\n{start}\nold\n{end}\nAfter\n")
    arm = results.Arm("some", [MATRIX])
    for _ in range(2):
        results.write_page(page, [arm], tmp_path)
        text = page.read_text()
        assert text.startswith("Before\n") and text.endswith("\nAfter\n")
        assert "old" not in text and text.count("| some |") == 1
        assert "![A picture](../images/a.png)" in text
    page.write_text("nothing")
    with pytest.raises(ValueError, match="must have the lines"):
        results.write_page(page, [arm], tmp_path)
    assert page.read_text() == "nothing"


def test_the_settings_are_settings():
    for arm in study.ARMS.values():
        Config(**study.RECIPE, **arm)


def test_what_was_found_is_not_done_again(tmp_path, monkeypatch):
    facts = {"settings": {"seed": 0}, "class_names": ["a", "b"]}
    runs.open_run(tmp_path, facts, restart=False)
    found = {"confusion": [[1]], "seconds": 2.0}
    runs.write_result(tmp_path, study.RESULT, found)
    monkeypatch.setattr(study, "train_model", lambda *_: None)
    monkeypatch.setattr(study, "read_for", lambda config: None)
    assert study.run(Config(), tmp_path, tmp_path) == found
    # `evaluate` writes the confusion of any part.
    assert study.RESULT != reports.SCORES
