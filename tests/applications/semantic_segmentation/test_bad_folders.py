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


class TestBadPairs:
    """Each error, and that the good pair is kept."""

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
            root, r"masks.bad.png: its picture is missing\. .*images has"
        )

    def test_two_pictures_of_one_mask(self, root):
        path = root / "train" / "images"
        (path / "bad.png").unlink()
        (root / "train" / "masks" / "bad.png").unlink()
        Image.new("RGB", (7, 5)).save(path / "good.webp")
        self.refused(root, "good.webp: has the same mask as good.png")

    def test_other_size(self, root):
        mask = np.zeros((7, 5), "uint8")
        path = root / "train" / "masks" / "bad.png"
        write_index_png(path, mask, voc_colormap())
        self.refused(
            root, "masks.bad.png: must have the size 7 x 5 .*Received: 5 x 7"
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
        self.refused(root, "masks.bad.png: EXIF rotates .*images.bad.png")

    @pytest.mark.parametrize("mode", ["RGB", "RGBA"])
    def test_colours_for_indices(self, root, mode):
        Image.new(mode, (7, 5)).save(root / "train" / "masks" / "bad.png")
        self.refused(root, f"masks.bad.png: masks .* index.*Received: {mode}")

    def test_16_bits(self, root):
        image = Image.fromarray(np.zeros((5, 7), "uint16"))
        image.save(root / "train" / "masks" / "bad.png")
        self.refused(root, "masks.bad.png: masks must have 8 bits")

    def test_values_that_are_no_class(self, root):
        draw(root / "train", "bad", (0, 1, 255, 2))
        self.refused(
            root, r"bad.png: the values must be .* 0 to 1,.*Received: 2( \(|$)"
        )
        draw(root / "train", "bad", (9, 8, 7, 6, 5, 4))
        self.refused(root, r"Received: 4 5 6 7 8 \.\.\.")

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
        with pytest.raises(ValueError, match="a folder images or train"):
            read(tmp_path)

    def test_with_two_validation_parts(self, tmp_path):
        for part in ("train", "val", "validation"):
            draw(tmp_path / part, "a")
        with pytest.raises(ValueError, match="both val and validation"):
            read(tmp_path)
