import keras
import numpy as np
import pytest
from PIL import Image

from applications.semantic_segmentation import predict
from applications.semantic_segmentation.config import Config
from applications.semantic_segmentation.model import Loaded, load_model
from applications.semantic_segmentation.palette import overlay
from applications.semantic_segmentation.predict import (
    confusion,
    predict_mask,
    predict_scores,
)
from applications.semantic_segmentation.scenes import Scene
from tests.applications.semantic_segmentation.conftest import draw_scene
from tests.contracts.devices import FORMATS, format_error


@pytest.fixture
def picture(tmp_path):
    """A picture whose size differs from the training pictures."""
    image, _ = draw_scene(np.random.default_rng(9), 30, 70)
    path = tmp_path / "some.jpg"
    Image.fromarray(image).save(path, quality=95)
    return path


def test_writes_indices_and_colours(trained, picture, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path / "out")]
    assert predict.main([*argv, str(picture)]) == 0
    image = np.array(Image.open(picture))
    loaded = load_model(trained)
    expected = predict_mask(loaded, image)
    assert expected.shape == (30, 70)
    with Image.open(tmp_path / "out" / "some.png") as found:
        assert found.mode == "P"
        np.testing.assert_array_equal(np.array(found), expected)
        colours = np.array(found.getpalette()).reshape(-1, 3)
        np.testing.assert_array_equal(colours[:3], loaded.palette)
    with Image.open(tmp_path / "out" / "some_overlay.png") as found:
        np.testing.assert_array_equal(
            np.array(found), overlay(image, expected, loaded.palette)
        )
    line = capsys.readouterr().out
    most = loaded.class_names[np.bincount(expected.ravel()).argmax()]
    assert line.startswith(f"{picture}\t") and f"\t{most} 0." in line


def test_bad_files(trained, picture, tmp_path, capsys):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    argv = ["--model", str(trained), "--output", str(tmp_path / "out")]
    assert predict.main([*argv, str(bad), str(picture)]) == 2
    assert f"error: {bad}: not a readable image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert predict.main([*argv, "--skip-bad", str(bad), str(picture)]) == 0
    assert "skipped 1 bad items" in capsys.readouterr().err
    assert predict.main([*argv, "--skip-bad", str(bad)]) == 2
    assert "none of the files is an image" in capsys.readouterr().err


def test_two_files_of_one_name_are_refused(trained, picture, tmp_path, capsys):
    other = tmp_path / "b" / picture.name
    argv = ["--model", str(trained), "--output", str(tmp_path / "out")]
    assert predict.main([*argv, str(picture), str(other)]) == 2
    assert "must have different names" in capsys.readouterr().err


MEANS = np.array([103.939, 116.779, 123.68], "float32")


def sampling(data_format="channels_last", tile=33):
    """A network whose scores are every eighth pixel of the image.

    The scores are blue, green and red minus their means.
    """
    first = data_format == "channels_first"
    shape = (3, None, None) if first else (None, None, 3)
    image = keras.Input(shape)
    layer = keras.layers.MaxPooling2D(1, 8, data_format=data_format)
    return Loaded(
        keras.Model(image, layer(image)),
        ["blue", "green", "red"],
        Config(tile=tile),
        None,
        np.zeros((3, 3), "uint8"),
    )


def ramps(height, width):
    """A picture with linear colours, so that they can be interpolated."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([3 * rows, 2 * columns, rows + columns], axis=2)
    assert image.max() < 256
    return image.astype("uint8")


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("size", [(33, 33), (50, 70), (33, 100), (81, 34)])
def test_windows_join_without_a_seam(size, data_format):
    if reason := format_error(data_format):
        pytest.skip(reason)
    image = ramps(*size)
    scores = predict_scores(sampling(data_format), image)
    expected = image[..., ::-1].astype("float32") - MEANS
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-3)


def test_a_picture_smaller_than_a_window_is_padded():
    image = ramps(17, 25)
    scores = predict_scores(sampling(), image)
    expected = image[..., ::-1].astype("float32") - MEANS
    assert scores.shape == (17, 25, 3)
    # Next to the padding, interpolation also reads the padding.
    np.testing.assert_allclose(scores[:9, :17], expected[:9, :17], atol=1e-3)


def test_the_class_is_that_of_the_highest_score():
    image = np.zeros((40, 50, 3), "uint8")
    image[:, :25, 2] = 250
    image[:, 25:, 0] = 250
    mask = predict_mask(sampling(), image)
    assert mask.dtype == "uint8" and mask.shape == (40, 50)
    assert (mask[:, :17] == 0).all() and (mask[:, 33:] == 2).all()


def test_of_another_size():
    image = ramps(40, 50)
    mask = predict_mask(sampling(), image, size=(80, 100))
    assert mask.shape == (80, 100)
    small = predict_mask(sampling(), image)
    agree = mask[::2, ::2] == small
    assert agree.mean() > 0.97


def test_the_mirror_image_is_turned_back():
    image = ramps(33, 70)
    plain, flipped = (
        predict_scores(sampling(), image, flip=flip) for flip in (False, True)
    )
    np.testing.assert_allclose(plain, flipped, rtol=0, atol=1e-3)


def test_scales_are_averaged():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (50, 60, 3), "uint8")
    one, half = (
        predict_scores(sampling(), image, [scale]) for scale in (1.0, 0.5)
    )
    both = predict_scores(sampling(), image, [1.0, 0.5])
    np.testing.assert_allclose(both, (one + half) / 2, rtol=0, atol=1e-3)
    assert np.abs(one - half).max() > 1
    small = np.asarray(
        Image.fromarray(image).resize((30, 25), Image.Resampling.BILINEAR)
    )
    alone = predict_scores(sampling(), small)
    np.testing.assert_allclose(
        half[::2, ::2].mean((0, 1)), alone.mean((0, 1)), rtol=0, atol=2
    )


def test_confusion_counts_what_has_a_class():
    image = np.zeros((33, 40, 3), "uint8")
    image[..., 2] = 250
    mask = np.zeros((33, 40), "uint8")
    mask[:3], mask[3:5] = 255, 1
    scene = Scene("", lambda: image, lambda: mask, mask.shape)
    matrix = confusion(sampling(), [scene, scene])
    expected = np.zeros((3, 3), int)
    expected[0, 0], expected[1, 0] = 2 * 28 * 40, 2 * 2 * 40
    np.testing.assert_array_equal(matrix, expected)
