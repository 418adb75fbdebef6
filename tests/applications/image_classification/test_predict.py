from pathlib import Path

import pytest

from applications.image_classification import explain, packaged, predict
from applications.image_classification.loading import load_classifier
from tests.applications.image_classification.tiny import make_classifier


def lines_of(capsys):
    out = capsys.readouterr().out.splitlines()
    return [line.split("\t") for line in out if "\t" in line]


def test_prints_the_best_classes_of_each_image(saved, photos, capsys):
    path = saved(make_classifier(classes=3), "model.keras")
    argv = ["--model", str(path), "--images", str(photos), "--top", "2"]
    argv += ["--input-range", "0,1"]
    argv += ["--class-names", "light", "dusk", "dark"]
    assert predict.main(argv) == 0
    lines = lines_of(capsys)
    files = [str(photos / name) for name in ("a.png", "b.png", "more/c.png")]
    assert [line[0] for line in lines] == [x for x in files for _ in range(2)]
    # The kernel of the classifier falls from the first class to the last.
    assert [line[1] for line in lines] == ["light", "dusk"] * 3
    first, second = (float(line[2]) for line in lines[:2])
    assert 1 > first > second > 0


def test_a_run_knows_its_classes(trained, photos, capsys):
    argv = ["--model", str(trained), "--images", str(photos / "a.png")]
    assert predict.main([*argv, "--top", "10"]) == 0
    names = load_classifier(trained).class_names
    lines = lines_of(capsys)
    assert sorted(line[1] for line in lines) == sorted(names)
    found = [float(line[2]) for line in lines]
    assert found == sorted(found, reverse=True)
    assert sum(found) == pytest.approx(1, abs=1e-3)


def test_bad_files_are_left_out_if_asked_for(saved, photos, capsys):
    (photos / "d.png").write_text("no image")
    argv = ["--model", str(saved()), "--images", str(photos)]
    argv += ["--input-range", "0,1"]
    assert predict.main(argv) == 2
    assert "d.png" in capsys.readouterr().err
    assert predict.main([*argv, "--skip-bad"]) == 0
    assert len(lines_of(capsys)) == 3


def test_a_packaged_network_is_chosen_by_name(
    saved, photos, tmp_path, monkeypatch, capsys
):
    path = saved(make_classifier(), "packaged.keras")
    found = packaged.Packaged(path, ("light", "dark"), "0,1")
    monkeypatch.setattr(packaged, "imagenet", lambda: found)
    monkeypatch.chdir(tmp_path)
    argv = ["--model", "efficientnet_lite0", "--images", str(photos / "a.png")]
    assert predict.main(argv) == 0
    (line,) = lines_of(capsys)
    assert line[1] == "light"
    # The network's own names, range and size are only defaults.
    names = ["--class-names", "day", "night", "--input-range", "-1,1"]
    assert predict.main([*argv, *names]) == 0
    (line,) = lines_of(capsys)
    assert line[1] == "night"
    assert predict.main([*argv, "--size", "12", "12"]) == 2
    assert "--size must be [24, 24]" in capsys.readouterr().err
    # Drawings are written beside the runs, not into the package.
    assert explain.main(argv) == 0
    file = Path("runs/image_classification/efficientnet_lite0/explain.png")
    assert file.is_file()
    # A folder of that name is a run.
    Path("efficientnet_lite0").mkdir()
    saved(make_classifier(classes=3), "efficientnet_lite0/model.keras")
    assert predict.main([*argv, "--input-range", "0,1"]) == 0
    assert lines_of(capsys)[-1][1] == "0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--top", "0"), "--top must be 1 or more"),
        (("--model", "nowhere.keras"), "nowhere.keras: there is no such model"),
        (("--class-names", "a", "b", "c"), "classes of the model. Received: 3"),
    ],
)
def test_refuses(saved, photos, options, message, capsys):
    argv = ["--model", str(saved()), "--images", str(photos), *options]
    argv += ["--input-range", "0,1"]
    assert predict.main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
