import re

import numpy as np
import pytest

from applications.common.datasets import read_data
from applications.image_classification import explain
from applications.image_classification.loading import load_classifier
from applications.image_classification.parsers import METHODS
from keras_attn.explain import AttentionRollout
from tests.applications.image_classification.tiny import drawn, make_classifier

# Maps of random networks can be zero.
pytestmark = pytest.mark.filterwarnings("ignore:Some maps of the layers")


def peak(text):
    row, column = re.search(r"\((\d+), (\d+)\)", text).groups()
    return int(row) / 24, int(column) / 24


def test_prints_and_draws_where_the_light_is(run, photos, tmp_path):
    lines = run("--class-names", "light", "dark")
    places = {"a.png": (1, 1), "b.png": (7, 1), "more/c.png": (7, 7)}
    assert [line[0] for line in lines] == [str(photos / x) for x in places]
    for line, place in zip(lines, places.values(), strict=True):
        _, name, probability, where = line
        assert name == "light" and 0.5 < float(probability) < 1
        assert where.startswith("grad_cam (")
        for found, start in zip(peak(where), place, strict=True):
            assert start <= 12 * found <= start + 3
    colours = drawn(tmp_path / "new" / "maps.png").reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) > 50


def test_each_method_has_a_column(run, photos, tmp_path):
    path, image = tmp_path / "new" / "maps.png", [photos / "a.png"]
    (line,) = run("--method", *METHODS, images=image)
    assert re.findall(r"(\w+) \(", line[3]) == list(METHODS)
    height, width, _ = drawn(path).shape
    run("--method", "grad_cam", "layer_cam", images=image)
    assert drawn(path).shape[1] < width / 2


def test_a_class_is_chosen_by_name_or_index(run):
    names = ["--class-names", "light", "dark"]
    by_name = run("--target", "dark", *names)
    assert by_name == run("--target", "1", *names)
    assert {line[1] for line in by_name} == {"dark"}
    assert all(float(line[2]) < 0.5 for line in by_name)
    # Light pixels are evidence for the other class.
    assert {line[3] for line in by_name} == {"grad_cam none"}
    assert {line[1] for line in run("--target", "1")} == {"1"}


def test_names_are_read_from_a_file(run, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("very light\n\ndark \n", encoding="utf-8")
    assert {x[1] for x in run("--class-names", str(path))} == {"very light"}


def test_bad_files_are_named_or_skipped(run, fail, photos):
    bad = photos / "bad.png"
    bad.write_text("no image")
    assert "bad.png: not a readable image" in fail()
    assert len(run("--skip-bad")) == 3
    only = fail("--skip-bad", images=[bad])
    assert "none of the files is an image" in only


def test_a_limit_is_kept_and_said(saved, photos, tmp_path, capsys):
    argv = ["--model", str(saved()), "--images", str(photos), "--limit", "2"]
    argv += ["--input-range", "0,1"]
    output = ["--output", str(tmp_path / "maps.png")]
    assert explain.main([*argv, *output]) == 0
    out = capsys.readouterr().out
    assert "first 2 of 3 images" in out and out.count("\t0\t") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--layer", "convolution"], "Did you mean one of"),
        (["--target", "2"], "an index from 0 to 1. Received: 2"),
        (["--target", "cat"], "--target must be the name of a class"),
        (["--class-names", "a", "b", "c"], "classes of the model. Received: 3"),
        (["--class-names", "none.txt"], "none.txt"),
        (
            ["--class-names", "a", "a", "--target", "a"],
            "the name of the classes [0, 1]",
        ),
        (["--output", "maps.gif"], "--output must end in one of"),
        (["--limit", "0"], "--limit must be 1 or more"),
        (["--batch-size", "0"], "--batch-size must be 1 or more"),
        (["--size", "32", "32"], "the model. Received: [32, 32]"),
        (["--images", "none.png"], "none.png: there is no such file"),
        (["--model", "none.keras"], "none.keras: there is no such model"),
        (
            ["--method", "conceptor_cam", "--eigen-smooth"],
            "`eigen_smooth` must be False",
        ),
    ],
)
def test_bad_options_are_named(fail, options, words):
    assert words in fail(*options)


def test_names_in_another_encoding_are_refused(fail, tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes("Löwe\nBär".encode("latin-1"))
    assert "must be a UTF-8 text file" in fail("--class-names", str(path))


def test_an_empty_folder_is_named(fail, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "the folder has no images" in fail(images=[tmp_path / "empty"])


def test_a_run_is_explained_by_its_test_images(trained, tmp_path, capsys):
    path = tmp_path / "maps.png"
    argv = ["--model", str(trained), "--output", str(path), "--limit", "12"]
    argv += ["--method", "grad_cam", "attention_rollout"]
    assert explain.main(argv) == 0
    out = capsys.readouterr().out
    lines = [line.split("\t") for line in out.splitlines() if "\t" in line]
    classifier = load_classifier(trained)
    names = classifier.class_names
    # Two images of the first two classes, and one of every other class.
    shown = [line[0].rpartition(", ")[2] for line in lines]
    assert shown == sorted([*names, *names[:2]], key=names.index)
    assert all(line[1] in names for line in lines)
    assert drawn(path).std() > 10
    # The place of the highest rollout in the first image.
    settings = classifier.config
    image = read_data(settings["data"], (12, 12, 1)).test.images[:1]
    (rolled,) = AttentionRollout(classifier.model)(image.astype("float32"))
    row, column = np.unravel_index(rolled.argmax(), rolled.shape)
    assert f"attention_rollout ({row}, {column})" in lines[0][3]


def test_without_images_and_without_a_run_there_is_nothing(saved, capsys):
    argv = ["--model", str(saved()), "--input-range", "0,1"]
    assert explain.main(argv) == 2
    assert "no run of this task next to the model" in capsys.readouterr().err


def test_pages_lie_beside_the_model(saved, photos, capsys, monkeypatch):
    # Pages have sixteen rows, but two in this test.
    monkeypatch.setattr(explain, "PAGE", 2)
    path = saved(make_classifier(), "model.keras")
    argv = ["--model", str(path), "--input-range", "0,1", "--images"]
    assert explain.main([*argv, str(photos)]) == 0
    pages = [path.with_name(f"explain-{number}.png") for number in (1, 2)]
    out = capsys.readouterr().out.splitlines()
    assert out[-2:] == [f"wrote {page}" for page in pages]
    first, second = (drawn(page).shape for page in pages)
    assert first[0] > 1.5 * second[0] and first[1] == second[1]
    assert explain.main([*argv, str(photos / "a.png")]) == 0
    assert drawn(path.with_name("explain.png")).shape == second


def test_a_page_has_sixteen_images_at_most():
    assert explain.PAGE == 16


def test_captions_tell_true_predicted_and_explained_class():
    found = explain.Explained(
        np.zeros((2, 4, 4, 3), "uint8"),
        ["dog", "dog"],
        [0.9, 0.25],
        {"grad_cam": np.zeros((2, 4, 4))},
        ["dog", "cat"],
    )
    assert found.captions(["cat", "cat"]) == [
        "true: cat, predicted: dog 0.900",
        "true: cat, predicted: cat, explained: dog 0.250",
    ]
    assert found.captions(None)[0] == "predicted: dog 0.900"
    assert found.page(slice(1, 2)).captions(["cat"])[0].endswith("dog 0.250")
