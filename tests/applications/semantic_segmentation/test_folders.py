import numpy as np
import pytest
from PIL import Image

from applications.common.problems import Problems
from applications.semantic_segmentation.palette import (
    voc_colormap,
    write_index_png,
)
from tests.applications.semantic_segmentation.scene_files import (
    draw,
    read,
    sources,
    turn,
)


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
        # The left side is now at the top.
        assert scene.image()[:6].min() > 200 and scene.image()[10:].max() < 50

    @pytest.mark.parametrize("number", [3, 6])
    def test_masks_are_turned_with_their_pictures(self, tmp_path, number):
        image, mask = draw(tmp_path / "train", "a")
        for folder in ("images", "masks"):
            turn(tmp_path / "train" / folder / "a.png", number)
        scene = read(tmp_path).train[0]
        # A turn to the right, as rows and columns.
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
            ("sea\n", "classes.txt: must have 2 to 255 classes. Received: 1"),
            ("\n".join(map(str, range(256))), "must have 2 to 255.*: 256"),
            ("sea\nland\nsea\n", "classes.txt: must have a unique name"),
            ("sea\n\nland\n", "classes.txt: must have a unique name"),
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
        remedy = ".*If they are a class, replace 255 by 1$"
        with pytest.raises(
            ValueError,
            match="must have 2 to 255 .*: [01]" + remedy * (255 in values),
        ):
            read(tmp_path)

    @pytest.mark.parametrize(
        ("values", "gaps"),
        [
            ((0, 128), r"the values 0 128, but not 1 2 3 4 5 \.\.\.,"),
            ((0, 2, 255), "the values 0 2, but not 1.*replace 255 by a num"),
        ],
    )
    def test_have_no_gaps(self, tmp_path, values, gaps):
        draw(tmp_path / "train", "a", values)
        with pytest.raises(ValueError, match=gaps):
            read(tmp_path)

    @pytest.mark.parametrize("values", [(0, 255), (0,), (0, 2)])
    def test_with_a_name_need_pixels_to_learn_from(self, tmp_path, values):
        """Otherwise the mean over classes would leave it out."""
        for part in ("train", "validation", "test"):
            draw(tmp_path / part, part, values)
        names = ["background", "object", "border"]
        names = names[: 3 if 2 in values else 2]
        (tmp_path / "classes.txt").write_text("\n".join(names))
        words = r"classes.txt: .* 1 \(object\) have no pixels .* part\. R"
        if 255 in values:
            words += ".*replace 255 by 1$"
        with pytest.raises(ValueError, match=words):
            read(tmp_path)

    def test_with_a_name_may_be_in_another_part(self, tmp_path):
        draw(tmp_path / "train", "a", (0, 255))
        draw(tmp_path / "test", "b", (0, 1))
        (tmp_path / "classes.txt").write_text("background\nobject")
        with pytest.raises(ValueError, match=r"1 \(object\) .*but other.*Mo"):
            read(tmp_path)

    def test_without_a_name_that_cannot_be_learned_are_told(self, tmp_path):
        draw(tmp_path / "train", "a", (0, 1))
        draw(tmp_path / "test", "b", (0, 2))
        problems = Problems()
        assert len(read(tmp_path, problems).class_names) == 3
        (note,) = problems.notes
        assert "2 (class 2) have no pixels" in note
