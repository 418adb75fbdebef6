import csv

from PIL import Image

from applications.facial_expression import evaluate


def rows(path):
    with path.open() as file:
        return list(csv.reader(file))


def test_prints_scores_and_draws_the_matrix(trained, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path)]
    assert evaluate.main(argv) == 0
    out = capsys.readouterr().out
    for word in ("recall", "F1", "above", "below", "accuracy"):
        assert word in out
    with Image.open(tmp_path / "confusion.png") as image:
        assert image.size[0] > 200
    header, *found = rows(tmp_path / "predictions.csv")
    assert header == ["image", "true", "predicted", "above", "below"]
    assert len(found) == 16
    for row in found:
        assert abs(float(row[3]) + float(row[4]) - 1) < 1e-5
        assert row[2] == ("above" if float(row[3]) > 0.5 else "below")


def test_evaluates_the_part_that_was_held_out(trained, tmp_path):
    argv = ["--model", str(trained), "--part", "validation"]
    assert evaluate.main([*argv, "--output", str(tmp_path)]) == 0
    # A quarter of the 16 training images.
    assert len(rows(tmp_path / "predictions.csv")) == 5


def test_data_of_other_classes_are_refused(trained, folder, tmp_path, capsys):
    for name in ("above", "beside", "below"):
        (tmp_path / name).mkdir()
        for file in (folder / "train" / "above").iterdir():
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    argv = ["--model", str(trained), "--data", str(tmp_path)]
    assert evaluate.main(argv) == 2
    assert "2 classes" in capsys.readouterr().err


def test_a_missing_model_is_named(tmp_path, capsys):
    assert evaluate.main(["--model", str(tmp_path / "none")]) == 2
    assert "there is no such model" in capsys.readouterr().err
