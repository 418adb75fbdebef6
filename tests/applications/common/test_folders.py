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


def read(root, skip=False, problems=None):
    problems = problems or Problems(skip)
    return read_folder(root, SHAPE, problems, seed=0, workers=2)


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
        (tmp_path / ".cache").mkdir()
        problems = Problems()
        data = read(tmp_path, problems=problems)
        assert len(data.train) + len(data.test) == 6
        assert not problems.strays and not problems.notes

    def test_other_files_are_counted(self, tmp_path):
        fill(tmp_path / "dark", range(4))
        fill(tmp_path / "light", range(100, 104))
        names = ["Thumbs.db", "desktop.ini", "labels.txt"]
        for name in names:
            (tmp_path / "light" / name).write_text("text")
        problems = Problems()
        data = read(tmp_path, problems=problems)
        assert len(data.train) + len(data.test) == 6
        assert [path.name for path in problems.strays] == names

    def test_images_beside_the_classes_are_named(self, tmp_path):
        fill(tmp_path / "dark", range(4))
        fill(tmp_path / "light", range(100, 104))
        for name in ("a.jpg", "b.png", ".c.png", "labels.csv"):
            (tmp_path / name).write_text("")
        problems = Problems()
        read(tmp_path, problems=problems)
        (note,) = problems.notes
        assert "2 images such as a.jpg are not read" in note

    @pytest.mark.parametrize("name", ["valid", "Test"])
    def test_a_class_may_have_the_name_of_a_part(self, tmp_path, name):
        fill(tmp_path / "invalid", range(4))
        fill(tmp_path / name, range(100, 104))
        assert set(read(tmp_path).class_names) == {"invalid", name}


class TestDividedFolder:
    @pytest.mark.parametrize(
        "names",
        [
            ("train", "validation", "test"),
            ("train", "val", "test"),
            ("Train", "Val", "Test"),
            ("training", "valid", "testing"),
            ("TRAINING", "VALID", "Testing"),
            ("Training", "PublicTest", "PrivateTest"),
        ],
    )
    def test_parts_come_from_their_folders(self, tmp_path, names):
        for part, value in zip(names, (10, 20, 30), strict=True):
            fill(tmp_path / part / "dark", [value])
            fill(tmp_path / part / "light", [value + 100])
        data = read(tmp_path)
        for part, value in (
            (data.train, 10),
            (data.validation, 20),
            (data.test, 30),
        ):
            assert part.images[:, 0, 0, 0].tolist() == [value, value + 100]

    def test_other_folders_are_named(self, tmp_path):
        for name in ("train/dark", "train/light", "extra/dark", "images"):
            fill(tmp_path / name, [1])
        problems = Problems()
        assert len(read(tmp_path, problems=problems).train) == 2
        (note,) = problems.notes
        assert "not read" in note and note.endswith(": extra, images")

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
        with pytest.raises(ValueError, match="middle: the folder has no image"):
            read(root)

    def test_a_class_of_damaged_images_is_named(self, root):
        (root / "middle").mkdir()
        (root / "middle" / "a.png").write_text("text")
        with pytest.raises(ValueError, match="middle.a.png: not a readable"):
            read(root)
        with pytest.raises(ValueError, match="middle: none of the files"):
            read(root, skip=True)

    @pytest.mark.parametrize("names", [["test"], ["Val", "test"]])
    def test_parts_without_training_are_no_classes(self, tmp_path, names):
        for name in names:
            fill(tmp_path / name / "dark", [1])
            fill(tmp_path / name / "light", [1])
        words = f"has {', '.join(names)}, but no folder train or training"
        with pytest.raises(ValueError, match=words):
            read(tmp_path)

    def test_a_training_part_without_classes_is_named(self, tmp_path):
        for name in ("train", "bus", "car"):
            fill(tmp_path / name, [1])
        words = "train: needs a folder of images for each class. If it is a c"
        with pytest.raises(ValueError, match=words):
            read(tmp_path)

    def test_one_class_is_too_few(self, tmp_path):
        fill(tmp_path / "dark", range(4))
        with pytest.raises(ValueError, match="two classes or more"):
            read(tmp_path)

    def test_other_classes_in_a_part_are_named(self, tmp_path):
        for name in ("train/dark", "train/light", "test/dark", "test/red"):
            fill(tmp_path / name, [1])
        with pytest.raises(ValueError, match=r"test: its classes.*'red'"):
            read(tmp_path)

    @pytest.mark.parametrize(
        ("one", "other"), [("val", "validation"), ("PublicTest", "valid")]
    )
    def test_two_validation_parts_are_refused(self, tmp_path, one, other):
        for name in ("train", one, other):
            fill(tmp_path / name / "dark", [1])
        with pytest.raises(ValueError, match=f"both {one} and {other}"):
            read(tmp_path)
