import errno

import numpy as np
import pytest

from applications.common import arrays

VALUES = np.arange(12, dtype="float32").reshape(4, 3)


@pytest.mark.parametrize("mapped", [False, True])
def test_pieces_become_one_array(tmp_path, mapped):
    path = tmp_path / "a.npy"
    with arrays.writing(path, (4, 3), "float16") as append:
        append(VALUES[:3])
        append(VALUES[3:])
    found = arrays.read(path, (4, None), "float16", mapped)
    np.testing.assert_array_equal(found, VALUES)
    np.testing.assert_array_equal(np.load(path), VALUES)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    "damage",
    ["empty", "text", "truncated", "archive", "shape", "dtype", "folder"],
)
def test_what_is_damaged_is_reported_and_as_good_as_none(
    tmp_path, mapped, damage, capsys
):
    path = tmp_path / "a.npy"
    np.save(path, VALUES)
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "archive":
        with path.open("wb") as file:
            np.savez(file, a=VALUES)
    elif damage in ("shape", "dtype"):
        values = VALUES[:2] if damage == "shape" else VALUES.astype("float64")
        np.save(path, values)
    else:
        contents = {"empty": b"", "text": b"some words"}
        path.write_bytes(contents.get(damage, whole[:-20]))
    assert arrays.read(path, (4, 3), "float32", mapped) is None
    error = capsys.readouterr().err
    assert error.startswith(f"{path}: damaged (") and error.count("\n") == 1
    assert "pickle" not in error


def test_nan_is_damage(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.full((2, 2), np.nan, "float32"))
    assert arrays.read(tmp_path / "a.npy", (2, 2), "float32") is None
    assert "NaN" in capsys.readouterr().err


def test_what_does_not_exist_is_not_reported(tmp_path, capsys):
    assert arrays.read(tmp_path / "a.npy", (2,), "float32") is None
    assert capsys.readouterr() == ("", "")


def test_a_full_disk_leaves_nothing(tmp_path):
    path = tmp_path / "a.npy"
    with pytest.raises(OSError) as caught:
        with arrays.writing(path, (4, 3), "float32") as append:
            append(VALUES[:2])
            raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())
