import errno
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

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


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        # The error of NumPy gives no reason.
        OSError("1000000 requested and 8176 written"),
    ],
)
def test_a_full_disk_names_the_file_and_leaves_no_half_of_it(tmp_path, problem):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(OSError) as caught, files.replacing(path) as partial:
        partial.write_text("ne")
        raise problem
    assert caught.value.filename == str(path)
    assert str(problem.strerror or problem) in str(caught.value)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("x" * 100_000),
        lambda path: np.savez(path, a=np.zeros(100_000)),
        lambda path: Image.effect_noise((99, 99), 90).save(path, "PNG"),
        lambda path: Figure().savefig(path, format="pdf"),
    ],
)
def test_whatever_writes_names_the_file(tmp_path, write):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("only Linux has a file that is always full")
    path = tmp_path / "a.npz"
    (tmp_path / "partial-a.npz").symlink_to(full)
    with pytest.raises(OSError, match="cannot be written") as caught:
        with files.replacing(path) as partial:
            write(partial)
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


def test_errors_of_other_files_stay_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        with files.replacing(tmp_path / "a.txt"):
            (tmp_path / "other").read_text()
    assert caught.value.filename == str(tmp_path / "other")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"3", b'"a"', b"\x80\x81"),
        *(b"[" * 100_000, b"1" * 5_000, None),
    ],
)
def test_what_is_no_json_object_is_one_line(tmp_path, content):
    path = tmp_path / "a.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        files.read_json(path, "the facts", "Write them again")
    text = str(caught.value)
    assert text.startswith(f"{path}: not the facts (")
    assert text.endswith("). Write them again") and len(text) < 400


def test_a_json_object_may_have_a_byte_order_mark(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert files.read_json(tmp_path / "a.json", "", "") == {"a": 1}


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        *((1, int, True), (1, float, True), (1.5, int, False)),
        *((True, int, False), (True, float, False), (1, bool, False)),
        *((None, str | None, True), (2, str | None, False)),
        *((None, float | None, True), (2, float | None, True)),
    ],
)
def test_types_of_json(value, kind, expected):
    assert files.is_a(value, kind) == expected
