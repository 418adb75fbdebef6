import json

import numpy as np
import pytest
from PIL import Image

from applications.common import reports

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 0, 2, 2, 1, 0])
MATRIX = [[3, 1, 0], [1, 1, 0], [1, 1, 2]]


@pytest.fixture
def matrix():
    return reports.confusion_matrix(LABELS, PREDICTED, 3)


def test_counts_true_classes_in_rows(matrix):
    assert matrix.tolist() == MATRIX


def test_scores_are_those_computed_by_hand(matrix):
    result = reports.scores(matrix)
    assert result.accuracy == 0.6
    np.testing.assert_allclose(result.recall, [3 / 4, 1 / 2, 1 / 2])
    np.testing.assert_allclose(result.precision, [3 / 5, 1 / 3, 1])
    np.testing.assert_allclose(result.f1, [2 / 3, 2 / 5, 2 / 3])


def test_a_class_without_images_has_no_recall_and_stays_out_of_the_mean():
    matrix = reports.confusion_matrix(np.array([0, 0]), np.array([0, 0]), 2)
    assert np.isnan(reports.scores(matrix).recall[1])
    mean = reports.table(matrix, ["a", "b"]).splitlines()[-2]
    assert mean.split() == ["mean", "2", "1.000", "1.000"]


def test_the_table_has_a_line_for_each_class(matrix):
    lines = reports.table(matrix, ["a", "b", "long name"]).splitlines()
    assert lines[1].split() == ["a", "4", "0.750", "0.600", "0.667"]
    assert lines[3].startswith("long name")
    assert lines[-1] == "accuracy 0.6000"


def test_the_matrix_is_drawn(matrix, tmp_path):
    path = tmp_path / "confusion.png"
    reports.draw_confusion(matrix, ["a", "b", "c"], path)
    with Image.open(path) as image:
        assert min(image.size) > 200
        assert len(np.unique(np.asarray(image.convert("L")))) > 20


def test_scores_are_written_beside_the_drawing(matrix, tmp_path, capsys):
    reports.write(tmp_path / "new", matrix, ["a", "b", "c"], {"part": "test"})
    found = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert found["part"] == "test" and found["confusion"] == matrix.tolist()
    assert found["accuracy"] == np.trace(matrix) / matrix.sum()
    assert (tmp_path / "new" / "confusion.png").exists()
    assert "confusion.png and scores.json" in capsys.readouterr().out


class TestIoU:
    def test_by_hand(self, matrix):
        np.testing.assert_allclose(reports.iou(matrix), [3 / 6, 1 / 4, 2 / 4])

    def test_a_class_that_does_not_occur_stays_out_of_the_mean(self):
        matrix = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
        assert np.isnan(reports.iou(matrix)[2])
        lines = reports.iou_table(matrix, ["a", "b", "c"]).splitlines()
        assert lines[1].split() == ["a", "4", "0.750", "0.750", "1.000"]
        assert lines[-2].split() == ["mean", "8", "0.775"]
        assert lines[-1] == "pixel accuracy 0.8750"


def test_a_drawing_may_have_shares(matrix, tmp_path):
    for as_shares in (False, True):
        path = tmp_path / f"{as_shares}.png"
        reports.draw_confusion(matrix, ["a", "b", "c"], path, as_shares)
    first, second = (
        np.asarray(Image.open(tmp_path / f"{flag}.png"))
        for flag in (False, True)
    )
    assert first.shape == second.shape and np.any(first != second)
