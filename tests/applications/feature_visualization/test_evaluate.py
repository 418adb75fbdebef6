import json

import numpy as np
import pytest
from PIL import Image

from applications.common.datasets import read_data
from applications.feature_visualization import evaluate
from applications.feature_visualization.evaluate import probabilities
from applications.feature_visualization.model import load_model


def scores(folder):
    return json.loads((folder / "scores.json").read_text())


def by_hand(model, images, places):
    """Averages the predictions for crops and their mirror images."""
    found = []
    for top, left, mirrored in places:
        crops = images[:, top : top + 9, left : left + 9].astype("float32")
        crops = crops[:, :, ::-1] if mirrored else crops
        found.append(model.predict(crops, verbose=0))
    return np.mean(found, axis=0)


CENTRE = [(2, 2, False)]
TEN = [
    (top, left, mirrored)
    for top, left in ((0, 0), (0, 3), (3, 0), (3, 3), (2, 2))
    for mirrored in (False, True)
]


@pytest.mark.parametrize("places", [CENTRE, TEN], ids=["centre", "ten"])
def test_predicts_by_the_centre_or_by_ten_crops(trained, fashion, places):
    loaded = load_model(trained)
    part = read_data(str(fashion), (12, 12, 1)).test
    found = probabilities(loaded, part, ten_crop=places is TEN)
    expected = by_hand(loaded.model, part.images, places)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_prints_scores_and_draws_the_matrix(trained, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path)]
    assert evaluate.main(argv) == 0
    out = capsys.readouterr().out
    for word in ("centre crop", "recall", "F1", "sneaker", "accuracy"):
        assert word in out
    with Image.open(tmp_path / "confusion.png") as image:
        assert image.size[0] > 200
    found = scores(tmp_path)
    matrix = np.array(found["confusion"])
    assert matrix.sum(axis=1).tolist() == [2] * 10
    assert found["accuracy"] == pytest.approx(np.trace(matrix) / 20)
    assert found["part"] == "test" and not found["ten_crop"]


def test_the_matrix_has_what_ten_crops_say(trained, fashion, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path), "--ten-crop"]
    assert evaluate.main(argv) == 0
    assert "mean of ten crops" in capsys.readouterr().out
    part = read_data(str(fashion), (12, 12, 1)).test
    predicted = probabilities(load_model(trained), part, ten_crop=True)
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (part.labels, predicted.argmax(axis=1)), 1)
    found = scores(tmp_path)
    assert found["ten_crop"] and found["confusion"] == expected.tolist()


def test_evaluates_the_part_that_was_taken_away(trained, tmp_path):
    argv = ["--model", str(trained), "--part", "validation"]
    assert evaluate.main([*argv, "--output", str(tmp_path)]) == 0
    assert np.sum(scores(tmp_path)["confusion"]) == 4


def test_scores_lie_beside_the_model_if_not_told_otherwise(coloured):
    assert evaluate.main(["--model", str(coloured)]) == 0
    assert np.sum(scores(coloured)["confusion"]) == 8
    assert evaluate.main(["--model", str(coloured / "model.keras")]) == 0


def test_ten_crops_of_whole_images_are_refused(coloured, capsys):
    assert evaluate.main(["--model", str(coloured), "--ten-crop"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --ten-crop needs a network that was")


def test_data_of_other_classes_are_refused(trained, pictures, capsys):
    argv = ["--model", str(trained), "--data", str(pictures)]
    assert evaluate.main(argv) == 2
    assert "the model has 10 classes" in capsys.readouterr().err


def test_a_missing_model_is_named(tmp_path, capsys):
    assert evaluate.main(["--model", str(tmp_path / "none")]) == 2
    assert "there is no such model" in capsys.readouterr().err
