import keras
import numpy as np
import pytest

from applications.image_classification import ranges
from tests.applications.image_classification.tiny import make_classifier
from tests.contracts import devices

# Maps of random networks can be zero.
pytestmark = pytest.mark.filterwarnings("ignore:Some maps of the layers")


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
    # Softmax would leave some probability for the class between them.
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
    assert "Pass --size with height and width" in fail(model=path)
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
    # The images are mostly dark, below the middle of the range.
    assert {line[1] for line in run(pixels="-1,1")} == {"1"}
    with pytest.raises(SystemExit, match="2"):
        run(pixels="0,2")


def test_what_is_no_classifier_of_images_is_refused(fail, saved, tmp_path):
    path = tmp_path / "broken.keras"
    path.write_text("no model")
    assert "not a model that can be loaded" in fail(model=path)
    image = keras.Input((24, 24, 3))
    segmenter = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    assert "a classifier must have one output" in fail(model=saved(segmenter))
    vector = keras.Input((5,))
    table = keras.Model(vector, keras.layers.Dense(2)(vector))
    assert "an image classifier must have one input" in fail(model=saved(table))
    many = make_classifier((24, 24, 7))
    assert "a model for 7 channels" in fail(model=saved(many))
    grey = saved(make_classifier((24, 24, 1)))
    assert "grey" in fail("--input-range", "caffe", model=grey)
