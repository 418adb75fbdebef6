import re

import keras
import numpy as np
import pytest
from PIL import Image

from applications.common.datasets import read_data
from applications.common.parts import Part
from applications.image_classification import explain, ranges
from applications.image_classification.loading import load_classifier
from applications.image_classification.parsers import METHODS
from applications.image_classification.source import evenly
from keras_attn.explain import AttentionRollout
from tests.applications.image_classification.tiny import make_classifier
from tests.contracts import devices

# Those of random networks may be.
pytestmark = [
    pytest.mark.once,
    pytest.mark.filterwarnings("ignore:Some maps of the layers"),
]


def drawn(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture
def run(saved, photos, tmp_path, capsys):
    """Runs the command; returns its lines."""

    def run(*options, model=None, images=None, pixels="0,1"):
        path = tmp_path / "new" / "maps.png"
        argv = ["--model", str(model or saved())]
        argv += ["--input-range", pixels] if pixels else []
        argv += ["--images", *map(str, images or [photos])]
        status = explain.main([*argv, "--output", str(path), *options])
        out = capsys.readouterr().out.splitlines()
        assert status == 0
        assert out[-1] == f"wrote {path}"
        assert [each.name for each in path.parent.iterdir()] == ["maps.png"]
        return [line.split("\t") for line in out if "\t" in line]

    return run


@pytest.fixture
def fail(saved, photos, tmp_path, capsys):
    """Runs the command; returns the line of its error."""

    def run(*options, model=None, images=None):
        path = tmp_path / "maps.png"
        argv = ["--model", str(model or saved()), "--input-range", "0,1"]
        argv += ["--images", *map(str, images or [photos])]
        assert explain.main([*argv, "--output", str(path), *options]) == 2
        assert not path.exists()
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        return error

    return run


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
    # What is light speaks for the other class.
    assert {line[3] for line in by_name} == {"grad_cam none"}
    assert {line[1] for line in run("--target", "1")} == {"1"}


def test_names_are_read_from_a_file(run, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("very light\n\ndark \n", encoding="utf-8")
    assert {x[1] for x in run("--class-names", str(path))} == {"very light"}


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5"])
@pytest.mark.filterwarnings("ignore:.*HDF5")
def test_old_files_give_the_same(run, saved, name):
    model = make_classifier()
    assert run(model=saved(model, name)) == run(model=saved(model))


def test_logits_become_probabilities(run, saved):
    expected = run()
    assert run(model=saved(make_classifier(activation=None))) == expected


def test_probabilities_of_single_classes_stay_as_they_are(run, saved):
    model = saved(make_classifier(activation="sigmoid", classes=3))
    light, dark = (
        [float(line[2]) for line in run("--target", target, model=model)]
        for target in ("0", "2")
    )
    # Softmax would leave a part for the class between them.
    np.testing.assert_allclose(np.add(light, dark), 1, atol=2e-4)
    one = saved(make_classifier(activation=None, classes=1))
    assert all(0.5 < float(line[2]) < 1 for line in run(model=one))


def test_channels_may_be_first(run, saved):
    problem = devices.format_error("channels_first")
    if problem:
        pytest.skip(problem)
    model = make_classifier((3, 24, 24), data_format="channels_first")
    expected = run()
    assert run(model=saved(model)) == expected


def test_grey_models_read_grey_images(run, saved):
    lines = run(model=saved(make_classifier((24, 24, 1))))
    assert [line[1] for line in lines] == ["0"] * 3


def test_a_model_of_any_size_is_told_which(run, fail, saved):
    path = saved(make_classifier((None, None, 3)))
    assert "--size must say which" in fail(model=path)
    assert run("--size", "24", "24", model=path) == run()
    assert "any size" in fail("--size", "0", "24", model=path)


def test_a_model_that_scales_is_given_the_pixels(run, saved, capsys):
    scaling = keras.layers.Rescaling(1 / 255)
    path = saved(make_classifier(first=[scaling]))
    assert run(model=path, pixels=None) == run()
    assert run(model=path, pixels="0,255") == run()


@pytest.mark.parametrize(
    ("text", "mode"), [("-1,1", "tf"), ("imagenet", "torch"), ("caffe",) * 2]
)
def test_input_ranges_are_those_of_keras(text, mode):
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), "uint8")
    expected = keras.applications.imagenet_utils.preprocess_input(
        images.astype("float32"), "channels_last", mode
    )
    found = ranges.scaled(images, text)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert (ranges.scaled(images, "0,255") == images).all()


def test_an_input_range_is_followed(run):
    shares, pixels = run(), run(pixels="0,255")
    assert all(
        float(p[2]) > float(s[2]) for p, s in zip(pixels, shares, strict=True)
    )
    # The images are dark, below the middle of the range, nearly everywhere.
    assert {line[1] for line in run(pixels="-1,1")} == {"1"}
    with pytest.raises(SystemExit, match="2"):
        run(pixels="0,2")


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
    assert "the first 2 of 3 images" in out and out.count("\t0\t") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--layer", "convolution"], "Near to it are"),
        (["--target", "2"], "an index from 0 to 1; it is 2"),
        (["--target", "cat"], "--target must be the name of a class"),
        (["--class-names", "a", "b", "c"], "3 names, and the model has 2"),
        (["--class-names", "none.txt"], "none.txt"),
        (
            ["--class-names", "a", "a", "--target", "a"],
            "the name of the classes [0, 1]",
        ),
        (["--output", "maps.gif"], "--output must end in one of"),
        (["--limit", "0"], "--limit must be 1 or more"),
        (["--batch-size", "0"], "--batch-size must be 1 or more"),
        (["--size", "32", "32"], "and --size is [32, 32]"),
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
    assert "not a text file in UTF-8" in fail("--class-names", str(path))


def test_an_empty_folder_is_named(fail, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "the folder has no images" in fail(images=[tmp_path / "empty"])


def test_what_is_no_classifier_of_images_is_refused(fail, saved, tmp_path):
    path = tmp_path / "broken.keras"
    path.write_text("no model")
    assert "not a model that can be loaded" in fail(model=path)
    image = keras.Input((24, 24, 3))
    segmenter = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    assert "not a classifier" in fail(model=saved(segmenter))
    vector = keras.Input((5,))
    table = keras.Model(vector, keras.layers.Dense(2)(vector))
    assert "not a classifier of images" in fail(model=saved(table))
    many = make_classifier((24, 24, 7))
    assert "reads 7 channels" in fail(model=saved(many))
    grey = saved(make_classifier((24, 24, 1)))
    assert "grey" in fail("--input-range", "caffe", model=grey)


def test_a_run_is_explained_by_its_test_images(trained, tmp_path, capsys):
    path = tmp_path / "maps.png"
    argv = ["--model", str(trained), "--output", str(path), "--limit", "12"]
    argv += ["--method", "grad_cam", "attention_rollout"]
    assert explain.main(argv) == 0
    out = capsys.readouterr().out
    lines = [line.split("\t") for line in out.splitlines() if "\t" in line]
    classifier = load_classifier(trained)
    names = classifier.facts["class_names"]
    # Two images of the first two classes, and one of each of the others.
    shown = [line[0].rpartition(", ")[2] for line in lines]
    assert shown == sorted([*names, *names[:2]], key=names.index)
    assert all(line[1] in names for line in lines)
    assert drawn(path).std() > 10
    # Of its first image, where rollout has its highest value.
    settings = classifier.facts["settings"]
    image = read_data(settings["data"], (12, 12, 1)).test.images[:1]
    (rolled,) = AttentionRollout(classifier.model)(image.astype("float32"))
    row, column = np.unravel_index(rolled.argmax(), rolled.shape)
    assert f"attention_rollout ({row}, {column})" in lines[0][3]


def test_without_images_and_without_a_run_there_is_nothing(saved, capsys):
    argv = ["--model", str(saved()), "--input-range", "0,1"]
    assert explain.main(argv) == 2
    assert (
        "no run of this task has trained this model" in capsys.readouterr().err
    )


def test_pages_lie_beside_the_model(saved, photos, capsys, monkeypatch):
    # Of sixteen, in this test of two.
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


def test_images_are_spread_over_the_classes():
    labels = np.array([0, 0, 0, 0, 1, 2, 2, 0])
    part = Part(np.arange(8), labels, [str(i) for i in range(8)])
    assert evenly(part, 3).sources == ["0", "4", "5"]
    assert evenly(part, 6).sources == ["0", "1", "2", "4", "5", "6"]
    assert len(evenly(part, 20)) == 8
