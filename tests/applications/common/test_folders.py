import numpy as np
import pytest
from PIL import Image

from applications.common.folders import read_folder
from applications.common.problems import Problems

SHAPE = (8, 8, 1)


def fill(folder, values):
    folder.mkdir(parents=True)
    for value in values:
        Image.new("L", (9, 5), value).save(folder / f"{value:03}.png")


def read(root, skip=False):
    return read_folder(root, SHAPE, Problems(skip), seed=0, workers=2)


class TestFlatFolder:
    def test_is_divided_in_each_class(self, tmp_path):
        fill(tmp_path / "dark", range(20))
        fill(tmp_path / "light", range(100, 120))
        data = read(tmp_path)
        assert data.class_names == ["dark", "light"]
        parts = data.train, data.validation, data.test
        assert [len(part) for part in parts] == [28, 6, 6]
        for part in parts:
            light = part.images[:, 0, 0, 0] >= 100
            np.testing.assert_array_equal(part.labels, light.astype(int))

    def test_hidden_files_are_no_images(self, tmp_path):
        fill(tmp_path / "dark", range(4))
        fill(tmp_path / "light", range(100, 104))
        (tmp_path / "light" / ".DS_Store").write_text("")
        (tmp_path / "light" / "Thumbs.db").write_text("")
        (tmp_path / ".cache").mkdir()
        assert sum(map(len, (read(tmp_path).train, read(tmp_path).test))) == 6


class TestDividedFolder:
    @pytest.mark.parametrize("name", ["validation", "val"])
    def test_parts_come_from_their_folders(self, tmp_path, name):
        for part, value in (("train", 10), (name, 20), ("test", 30)):
            fill(tmp_path / part / "dark", [value])
            fill(tmp_path / part / "light", [value + 100])
        data = read(tmp_path)
        for part, value in (
            (data.train, 10),
            (data.validation, 20),
            (data.test, 30),
        ):
            assert part.images[:, 0, 0, 0].tolist() == [value, value + 100]

    def test_may_have_training_alone(self, tmp_path):
        fill(tmp_path / "train" / "dark", [1])
        fill(tmp_path / "train" / "light", [101])
        data = read(tmp_path)
        assert data.validation is None and data.test is None


class TestBadFolders:
    @pytest.fixture
    def root(self, tmp_path):
        fill(tmp_path / "dark", range(4))
        fill(tmp_path / "light", range(100, 104))
        return tmp_path

    def test_an_empty_class_is_named(self, root):
        (root / "middle").mkdir()
        with pytest.raises(ValueError, match="middle: the folder has no image"):
            read(root)

    def test_a_class_of_other_files_is_named(self, root):
        (root / "middle").mkdir()
        (root / "middle" / "a.txt").write_text("text")
        with pytest.raises(ValueError, match="middle.a.txt: not a readable"):
            read(root)
        with pytest.raises(ValueError, match="middle: none of its files"):
            read(root, skip=True)

    def test_one_class_is_too_few(self, tmp_path):
        fill(tmp_path / "dark", range(4))
        with pytest.raises(ValueError, match="two classes or more"):
            read(tmp_path)

    def test_other_classes_in_a_part_are_named(self, tmp_path):
        for name in ("train/dark", "train/light", "test/dark", "test/red"):
            fill(tmp_path / name, [1])
        with pytest.raises(ValueError, match=r"test: its classes.*'red'"):
            read(tmp_path)

    def test_two_validation_parts_are_refused(self, tmp_path):
        for name in ("train", "val", "validation"):
            fill(tmp_path / name / "dark", [1])
        with pytest.raises(ValueError, match="both val and validation"):
            read(tmp_path)
