import pytest

from applications.common import files


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as partial:
        partial.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"


def test_what_a_failed_write_left_is_written_over(tmp_path):
    path = tmp_path / "a.txt"
    (tmp_path / "partial-a.txt").write_text("half of something long")
    files.write_text(path, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "new"


def test_makes_the_folder(tmp_path):
    files.write_text(tmp_path / "a" / "b.txt", "text")
    assert (tmp_path / "a" / "b.txt").read_text() == "text"
