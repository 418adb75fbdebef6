import shutil

import numpy as np
import pytest

from applications.common.datasets import read_data
from applications.common.parts import part_of
from tests.applications.common.tiny_fashion import write_fashion

SHAPE = (12, 12, 1)


def test_a_folder_of_the_four_files_is_fashion_mnist(fashion):
    data = read_data(str(fashion), SHAPE)
    assert data.sizes() == "train 48, validation none, test 20"


def test_the_last_twelfth_validates(fashion):
    whole = read_data(str(fashion), SHAPE)
    data = read_data(str(fashion), SHAPE, validation=True)
    assert data.sizes() == "train 44, validation 4, test 20"
    for part, images in (
        (data.train, whole.train.images[:44]),
        (data.validation, whole.train.images[44:]),
    ):
        np.testing.assert_array_equal(part.images, images)
    assert data.validation.labels.tolist() == [4, 5, 6, 7]


def test_other_folders_hold_a_folder_for_each_class(pictures):
    data = read_data(str(pictures), (12, 12, 3), workers=2)
    assert data.class_names == ["green", "red"]
    assert data.sizes() == "train 24, validation none, test 8"
    colour = data.test.images.mean(axis=(1, 2)).argmax(axis=-1)
    np.testing.assert_array_equal(colour, 1 - data.test.labels)


def test_of_folders_the_last_of_each_class_validate(pictures):
    data = read_data(str(pictures), (12, 12, 3), validation=True)
    assert data.sizes() == "train 22, validation 2, test 8"
    names = [source.split("train")[1] for source in data.validation.sources]
    assert names == ["/green/11.png", "/red/11.png"]
    assert not set(data.validation.sources) & set(data.train.sources)


def test_a_folder_that_is_not_divided_is_by_the_seed(pictures):
    source = str(pictures / "train")
    data = read_data(source, SHAPE, seed=3)
    assert data.sizes() == "train 16, validation 4, test 4"
    assert read_data(source, SHAPE, seed=3).digest() == data.digest()
    assert read_data(source, SHAPE, seed=4).digest() != data.digest()
    with pytest.raises(ValueError, match="--validation.* one of 4 images"):
        read_data(source, SHAPE, validation=True)


def test_too_few_images_to_validate_are_refused(tmp_path):
    write_fashion(tmp_path, train=11)
    with pytest.raises(ValueError, match="at least 12 .* 11 images of 10"):
        read_data(str(tmp_path), SHAPE, validation=True)


def test_one_image_to_train_on_is_refused(tmp_path):
    write_fashion(tmp_path, train=1)
    with pytest.raises(ValueError, match="at least two images"):
        read_data(str(tmp_path), SHAPE)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="none: there is no such folder"):
        read_data(str(tmp_path / "none"), SHAPE)


def test_a_bad_picture_is_named_or_skipped(pictures, tmp_path, capsys):
    root = tmp_path / "pictures"
    shutil.copytree(pictures, root)
    (root / "train" / "red" / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="bad.png.*--skip-bad"):
        read_data(str(root), SHAPE)
    assert len(read_data(str(root), SHAPE, skip_bad=True).train) == 24
    assert "skipped 1 bad items" in capsys.readouterr().err


def test_a_part_is_given_by_its_name(fashion):
    data = read_data(str(fashion), SHAPE)
    assert part_of(data, "test") is data.test
    with pytest.raises(ValueError, match="no validation images.*test 20"):
        part_of(data, "validation")
