import functools
import json
import shutil

import keras
import numpy as np
import pytest

from applications.common.datasets import read_data
from applications.image_classification import evaluate, ranges
from applications.image_classification.loading import load_classifier
from keras_attn.layers import MeanImage
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


def test_many_images_are_predicted_a_few_at_a_time(trained, fashion):
    images = read_data(str(fashion), (12, 12, 1)).test.images
    classifier = load_classifier(trained)
    expected = classifier.model.predict(images.astype("float32"), verbose=0)
    # Sixteen batches of one image are prepared at a time.
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
    """A folder of light and dark images, one of them in the wrong class."""
    root = tmp_path / "lights"
    for name, count in (("bright", 3), ("dim", 2)):
        (root / "test" / name).mkdir(parents=True)
        (root / "train" / name).mkdir(parents=True)
        for index in range(count):
            for part in ("train", "test"):
                draw_image(root / part / name / f"{index}.png", 1, 1)
    return root


def test_any_saved_classifier(saved, lights, capsys):
    # All these images are similar, and predicted as bright.
    path = saved(make_classifier())
    argv = ["--model", str(path), "--data", str(lights), "--batch-size", "2"]
    # Its input range is unknown.
    assert evaluate.main(argv) == 2
    error = capsys.readouterr().err
    assert f"error: {path}: " in error
    assert "Pass --input-range, one of 0,255 0,1 -1,1 imagenet caffe" in error
    assert evaluate.main([*argv, "--input-range", "0,1"]) == 0
    assert "accuracy 0.6000" in capsys.readouterr().out
    assert (path.parent / "scores.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "there is no run of this task next to the model"),
        (("--data", "nowhere"), "nowhere: there is no such folder"),
        (("--batch-size", "0"), "--batch-size must be 1 or more"),
    ],
)
def test_refuses(saved, options, message, capsys):
    argv = ["--model", str(saved()), "--input-range", "0,1", *options]
    assert evaluate.main(argv) == 2
    assert message in capsys.readouterr().err


def test_a_run_of_another_task_is_any_saved_classifier(saved, lights, capsys):
    path = saved(make_classifier(), "model.keras")
    facts = {"settings": {"ratio": 4}, "class_names": ["bright", "dim"]}
    (path.parent / "run.json").write_text(json.dumps(facts))
    pixels = ["--input-range", "0,1"]
    assert evaluate.main(["--model", str(path), *pixels]) == 2
    assert "no run of this task" in capsys.readouterr().err
    argv = ["--model", str(path.parent), "--data", str(lights)]
    assert evaluate.main(argv) == 2
    assert "Pass --input-range" in capsys.readouterr().err
    assert evaluate.main([*argv, *pixels]) == 0


def test_other_classes_are_refused(saved, lights, trained, capsys):
    argv = ["--data", str(lights), "--input-range", "0,1", "--model"]
    three = saved(make_classifier(classes=3), "three.keras")
    assert evaluate.main([*argv, str(three)]) == 2
    error = capsys.readouterr().err
    assert "the model has 3 classes, but the data has 2" in error
    assert evaluate.main([*argv, str(trained)]) == 2
    assert "classes" in capsys.readouterr().err
    names = ["--class-names", "dim", "bright"]
    two = saved(make_classifier(), "two.keras")
    assert evaluate.main([*argv, str(two), *names]) == 2
    assert "['dim', 'bright']" in capsys.readouterr().err


# Functions that make such a layer.
scaling = functools.partial(functools.partial, keras.layers.Rescaling)
normal = functools.partial(functools.partial, keras.layers.Normalization)


def less(mean):
    """Returns a function that makes a layer with a mean image."""

    def make():
        layer = MeanImage()
        layer.build((None, 24, 24, 3))
        layer.mean_image.assign(np.full((24, 24, 3), mean))
        return layer

    return make


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        *(([scaling(1 / 255)], "0,255"), ([scaling(1 / 127.5, -1)], "0,255")),
        ([keras.layers.RandomFlip, scaling([1 / 58] * 3)], "0,255"),
        ([normal(mean=[123.0] * 3, variance=[3000.0] * 3)], "0,255"),
        # For pixels in [0, 1] or around 0, or after another layer.
        *(([scaling(2.0, -1)], None), ([], None)),
        ([normal(mean=[0.48] * 3, variance=[0.05] * 3)], None),
        *(([less(120.0)], "0,255"), ([less(0.5)], None)),
        ([keras.layers.ReLU, scaling(1 / 255)], None),
    ],
)
def test_only_a_first_layer_that_scales_tells_the_range(first, expected):
    model = make_classifier(first=[make() for make in first])
    assert ranges.known_range(model) == expected
    inside = keras.Sequential([keras.Input((24, 24, 3)), model])
    assert ranges.known_range(inside) == expected


def test_data_that_have_changed_are_reported(
    trained, fashion, tmp_path, capsys
):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "data_digest": "old"}))
    for folder, expected in ((trained, False), (run, True)):
        argv = ["--model", str(folder), "--output", str(tmp_path)]
        assert evaluate.main(argv) == 0
        error = capsys.readouterr().err
        assert ("have changed since this run" in error) == expected


def test_a_run_whose_settings_are_damaged_is_not_divided_by_others(
    trained, tmp_path, capsys
):
    shutil.copytree(trained, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    facts = json.loads(path.read_text())
    del facts["settings"]["seed"]
    path.write_text(json.dumps(facts))
    assert evaluate.main(["--model", str(tmp_path / "run")]) == 2
    assert f"error: {path}: not settings of this" in capsys.readouterr().err
