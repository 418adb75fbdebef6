import numpy as np
import pytest
from PIL import Image

from applications.common import packaged
from applications.semantic_segmentation import climate
from applications.semantic_segmentation.data import read_data
from applications.semantic_segmentation.palette import (
    voc_colormap,
    write_index_png,
)


def missing():
    """Returns the command that installs missing packages, if any."""
    try:
        packaged.find(*climate.PICTURE)
        packaged.find(*climate.ZONES)
    except ValueError as problem:
        return str(problem)
    return ""


def draw(image, mask, values=(0, 1)):
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), (len(image.stem), 0, 0)).save(image)
    values = np.resize(np.array(values, "uint8"), (3, 4))
    write_index_png(mask, values, voc_colormap())


def draw_flat(root, count):
    for index in range(count):
        name = f"{'a' * (index + 1)}.png"
        draw(root / "images" / name, root / "masks" / name)


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_without_a_path_the_maps_are_read():
    scenes = read_data(None, tile=150, factor=6)
    assert scenes.class_names == climate.CLASS_NAMES
    assert scenes.sizes() == "train 9, validation none, test 6"
    scenes = read_data(None, tile=75, factor=6, validation=True)
    assert scenes.sizes() == "train 20, validation 10, test 15"
    assert scenes.test[0].size == (75, 75)
    assert read_data(None).test[0].size == (321, 321)


def test_a_flat_folder_is_read_as_one(tmp_path):
    draw_flat(tmp_path, 20)
    scenes = read_data(str(tmp_path), seed=3, workers=2)
    assert scenes.sizes() == "train 14, validation 3, test 3"
    assert scenes.digest() != read_data(str(tmp_path), seed=4).digest()


def test_a_divided_folder_is_read_as_one(tmp_path):
    draw_flat(tmp_path / "train", 2)
    draw_flat(tmp_path / "val", 1)
    scenes = read_data(str(tmp_path))
    assert scenes.sizes() == "train 2, validation 1, test none"


def test_the_layout_of_voc_is_read_as_one(tmp_path):
    draw(
        tmp_path / "JPEGImages" / "a.jpg",
        tmp_path / "SegmentationClass" / "a.png",
        (0, 20),
    )
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    scenes = read_data(str(tmp_path))
    assert scenes.sizes() == "train 1, validation none, test none"
    assert scenes.class_names[20] == "tvmonitor"


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("JPEGImages", "SegmentationClass: there is no such folder. The lay"),
        ("SegmentationClass", "JPEGImages: there is no such folder. The layo"),
        ("images", "masks: there is no such folder. The folders images"),
        ("masks", "must have a folder images or train"),
        ("test", "must have a folder images or train"),
    ],
)
def test_of_half_a_layout_the_rest_is_asked_for(tmp_path, folder, words):
    (tmp_path / folder).mkdir()
    with pytest.raises(ValueError, match=words):
        read_data(str(tmp_path))


def test_other_paths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="none: there is no such folder"):
        read_data(str(tmp_path / "none"))
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="a.txt: not a folder"):
        read_data(str(tmp_path / "a.txt"))
    (tmp_path / "pictures").mkdir()
    words = "must have the folders images and masks, or train .* JPEGImages"
    with pytest.raises(ValueError, match=words):
        read_data(str(tmp_path))


def test_bad_items_stop_it_or_are_reported(tmp_path, capsys):
    draw_flat(tmp_path / "train", 2)
    (tmp_path / "train" / "masks" / "a.png").unlink()
    with pytest.raises(
        ValueError, match="a.png is missing.*--skip-bad skips it"
    ):
        read_data(str(tmp_path))
    scenes = read_data(str(tmp_path), skip_bad=True)
    assert len(scenes.train) == 1
    printed = capsys.readouterr()
    assert "skipped 1 bad items" in printed.err and not printed.out


def test_good_data_are_read_in_silence(tmp_path, capsys):
    draw_flat(tmp_path / "train", 2)
    read_data(str(tmp_path))
    assert capsys.readouterr() == ("", "")
