import json

import numpy as np
import pytest

from applications.common.datasets import read_data
from applications.image_classification import evaluate
from applications.image_classification.loading import load_classifier
from tests.applications.image_classification.conftest import draw_image
from tests.applications.image_classification.tiny import make_classifier


def test_counts_what_the_run_was_tested_on(trained, fashion, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path)]
    assert evaluate.main(argv) == 0
    out = capsys.readouterr().out
    part = read_data(str(fashion), (12, 12, 1)).test
    found = load_classifier(trained).model.predict(
        part.images.astype("float32"), verbose=0
    )
    right = int((found.argmax(axis=1) == part.labels).sum())
    assert f"accuracy {right / 20:.4f}" in out and "ankle boot" in out
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["part"] == "test" and scores["accuracy"] == right / 20
    assert np.trace(scores["confusion"]) == right
    assert (tmp_path / "confusion.png").stat().st_size > 1000
    # What a run brings along is not asked for.
    assert "input range" not in out


def test_many_images_are_predicted_a_few_at_a_time(trained, fashion):
    images = read_data(str(fashion), (12, 12, 1)).test.images
    classifier = load_classifier(trained)
    expected = classifier.model.predict(images.astype("float32"), verbose=0)
    # Of one image at once, sixteen are prepared.
    found = classifier.predict(images, batch_size=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_validation_part_is_that_of_the_run(trained, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path)]
    assert evaluate.main([*argv, "--part", "validation"]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    # A twelfth of 48.
    assert np.sum(scores["confusion"]) == 4


@pytest.fixture
def lights(tmp_path):
    """A folder of light and of dark images, one of them in the wrong one."""
    root = tmp_path / "lights"
    for name, count in (("bright", 3), ("dim", 2)):
        (root / "test" / name).mkdir(parents=True)
        (root / "train" / name).mkdir(parents=True)
        for index in range(count):
            for part in ("train", "test"):
                draw_image(root / part / name / f"{index}.png", 1, 1)
    return root


def test_any_saved_classifier(saved, lights, capsys):
    # All these images are alike: it calls each bright.
    path = saved(make_classifier())
    argv = ["--model", str(path), "--data", str(lights), "--batch-size", "2"]
    assert evaluate.main(argv) == 0
    out = capsys.readouterr().out
    assert "accuracy 0.6000" in out and "input range 0,1" in out
    assert (path.parent / "scores.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "no run of this task has trained this model, whose data could"),
        (("--data", "nowhere"), "nowhere: there is no such folder"),
        (("--batch-size", "0"), "--batch-size must be 1 or more"),
    ],
)
def test_refuses(saved, options, message, capsys):
    assert evaluate.main(["--model", str(saved()), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_run_of_another_task_is_any_saved_classifier(saved, lights, capsys):
    path = saved(make_classifier(), "model.keras")
    facts = {"settings": {"ratio": 4}, "class_names": ["bright", "dim"]}
    (path.parent / "run.json").write_text(json.dumps(facts))
    assert evaluate.main(["--model", str(path)]) == 2
    assert "no run of this task" in capsys.readouterr().err
    argv = ["--model", str(path.parent), "--data", str(lights)]
    assert evaluate.main(argv) == 0
    # Its input range is a guess, and said to be.
    assert "input range 0,1" in capsys.readouterr().out


def test_other_classes_are_refused(saved, lights, trained, capsys):
    argv = ["--data", str(lights), "--model"]
    three = saved(make_classifier(classes=3), "three.keras")
    assert evaluate.main([*argv, str(three)]) == 2
    error = capsys.readouterr().err
    assert "the model has 3 classes, and the data have 2" in error
    assert evaluate.main([*argv, str(trained)]) == 2
    assert "classes" in capsys.readouterr().err
    names = ["--class-names", "dim", "bright"]
    two = saved(make_classifier(), "two.keras")
    assert evaluate.main([*argv, str(two), *names]) == 2
    assert "['dim', 'bright']" in capsys.readouterr().err
