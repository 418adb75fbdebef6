import numpy as np
import pytest
from PIL import Image

from applications.semantic_segmentation import predict
from applications.semantic_segmentation.model import load_model
from applications.semantic_segmentation.palette import overlay
from applications.semantic_segmentation.predicting import predict_mask
from tests.applications.semantic_segmentation.conftest import draw_scene

pytestmark = pytest.mark.once


@pytest.fixture
def picture(tmp_path):
    """A picture of another size than those of the training."""
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
    assert "would become one file" in capsys.readouterr().err
