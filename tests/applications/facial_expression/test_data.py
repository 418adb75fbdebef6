import numpy as np
import pytest

from applications.common.parts import part_of
from applications.facial_expression.data import read_data

SHAPE = (16, 16, 1)


def test_without_a_path_the_faces_are_read():
    data = read_data(None, SHAPE, held_out=0.2)
    assert data.sizes() == "train 80, validation 20, test 100"


def test_a_folder_is_read_as_one(folder):
    data = read_data(str(folder), SHAPE)
    assert data.sizes() == "train 16, validation none, test 16"


def test_a_csv_is_read_as_one(tmp_path):
    path = tmp_path / "a.CSV"
    row = f"0,{' '.join(['1'] * 2304)},Training\n"
    path.write_text("emotion,pixels,Usage\n" + 2 * row)
    assert len(read_data(str(path), SHAPE).train) == 2


def test_other_paths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="none: there is no such file or"):
        read_data(str(tmp_path / "none"), SHAPE)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="a.txt: must be a .csv file or a"):
        read_data(str(tmp_path / "a.txt"), SHAPE)


def test_one_image_is_too_few(tmp_path):
    path = tmp_path / "a.csv"
    row = f"0,{' '.join(['1'] * 2304)},Training\n"
    path.write_text("emotion,pixels,Usage\n" + row)
    with pytest.raises(ValueError, match="at least two images"):
        read_data(str(path), SHAPE)


def test_skipped_items_are_reported(tmp_path, capsys):
    path = tmp_path / "a.csv"
    row = f"0,{' '.join(['1'] * 2304)},Training\n"
    path.write_text("emotion,pixels,Usage\n" + 2 * row + "9,1 2,Training\n")
    read_data(str(path), SHAPE, skip_bad=True)
    assert "skipped 1 bad items" in capsys.readouterr().err


def test_a_share_of_each_class_is_held_out_by_the_seed():
    whole, *held = (
        read_data(None, SHAPE, seed, share)
        for seed, share in ((0, 0.0), (0, 0.2), (0, 0.2), (1, 0.2))
    )
    assert whole.validation is None and len(whole.train) == 100
    for data in held:
        assert np.bincount(data.validation.labels).tolist() == [10, 10]
        assert len(data.train) == 80 and len(data.test) == 100
    first, again, other = (data.validation.sources for data in held)
    assert first == again != other


def test_a_part_that_is_missing_is_named():
    data = read_data(None, SHAPE)
    assert part_of(data, "test") is data.test
    with pytest.raises(ValueError, match="has no validation images"):
        part_of(data, "validation")
