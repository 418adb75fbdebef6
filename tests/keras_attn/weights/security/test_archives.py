"""Crafted archives are rejected in little memory and change nothing."""

import pickle
import zipfile

import numpy as np
import pytest

from keras_attn.weights import archives, load_torch
from keras_attn.weights.files import read
from tests.keras_attn.weights.crafted import (
    Trap,
    declare_size,
    entries_of,
    import_torch,
    npy,
    npy_of,
    write,
    write_overlapping,
    write_zip,
)
from tests.keras_attn.weights.security.small import (
    ARRAYS,
    BIAS,
    BROKEN,
    LONG,
    WEIGHT,
    damaged,
    refuse,
)

# Reading uses only NumPy.
pytestmark = pytest.mark.once


def write_npz(path, *entries, **kwargs):
    """Writes the given entries and then a valid bias."""
    write_zip(path, [*entries, ("bias.npy", npy_of(BIAS))], **kwargs)


def objects(path):
    trap = Trap(path.parent / "ran")
    np.savez(path, weight=np.array([trap], object), bias=BIAS)


WHOLE = npy_of(WEIGHT)
NPZ = {
    "objects": (objects, "holds object"),
    "pickle": (
        lambda p: p.write_bytes(pickle.dumps(Trap(p.parent / "ran"))),
        "BadZipFile",
    ),
    "no_archive": (lambda p: p.write_bytes(WHOLE), "BadZipFile"),
    "no_array": (lambda p: write_npz(p, ("weight", WHOLE)), "is not an array"),
    "no_magic": (lambda p: write_npz(p, ("a.npy", b"code" * 9)), "magic"),
    "shape_bomb": (
        lambda p: write_npz(p, ("weight.npy", npy((10**13,)))),
        r"declares float32 of \(10000000000000,\), but has 0 bytes",
    ),
    "shape_bomb_that_memory_can_hold": (
        lambda p: write_npz(p, ("weight.npy", npy((2**26,), bytes(24)))),
        "declares float32 of .*, but has 24 bytes",
    ),
    "shape_negative": (
        lambda p: write_npz(p, ("weight.npy", npy((-2, -3), bytes(24)))),
        r"of \(-2, -3\)",
    ),
    "shape_no_numbers": (
        lambda p: write_npz(p, ("weight.npy", npy(("a",), bytes(24)))),
        BROKEN,
    ),
    "shape_short_of_the_data": (
        lambda p: write_npz(p, ("weight.npy", npy((2, 3), bytes(28)))),
        "but has 28 bytes",
    ),
    "dtype_bomb": (
        lambda p: write_npz(p, ("weight.npy", npy((6,), bytes(24), "|V99999"))),
        "but has 24 bytes",
    ),
    "dtype_of_code": (
        lambda p: write_npz(
            p, ("weight.npy", npy((), descr="__import__('os')"))
        ),
        BROKEN,
    ),
    "version_3": (
        lambda p: write_npz(
            p, ("weight.npy", npy((2, 3), bytes(24), version=(3, 0)))
        ),
        r"version \(3, 0\)",
    ),
    "header_long": (
        lambda p: write_npz(
            p, ("weight.npy", npy((1,) * 10**5, version=(2, 0)))
        ),
        BROKEN,
    ),
    "path_upwards": (
        lambda p: write_npz(p, ("../../weight.npy", WHOLE)),
        "unexpected: '../../weight'",
    ),
    "path_from_the_root": (
        lambda p: write_npz(p, ("/etc/weight.npy", WHOLE)),
        "unexpected: '/etc/weight'",
    ),
    "overlapping": (
        lambda p: write_overlapping(p, "a.npy", WHOLE * 9),
        "overlap",
    ),
    "packed_by_lzma": (
        lambda p: write_npz(p, ("weight.npy", WHOLE), method=zipfile.ZIP_LZMA),
        "compression methods",
    ),
    "size_larger_than_it_is": (
        lambda p: (write_npz(p, ("w.npy", WHOLE)), declare_size(p, 400)),
        BROKEN,
    ),
    "size_smaller_than_it_is": (
        lambda p: (write_npz(p, ("w.npy", WHOLE)), declare_size(p, 140)),
        BROKEN,
    ),
}


@pytest.mark.parametrize(("write", "words"), NPZ.values(), ids=NPZ)
def test_refuses_a_crafted_npz(layer, tmp_path, write, words):
    path = tmp_path / "crafted.npz"
    write(path)
    refuse(layer, path, words)
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_two_arrays_of_one_name(layer, tmp_path):
    path = tmp_path / "crafted.npz"
    write_npz(path, ("weight.npy", WHOLE), ("weight.npy", npy_of(WEIGHT + 1)))
    refuse(layer, path, "share a name")
    prepend(path, b"XX")
    refuse(layer, path, "share a name")


def prepend(path, data):
    path.write_bytes(data + path.read_bytes())


def append(path, data):
    path.write_bytes(path.read_bytes() + data)


def write_comment(path, comment=b"PK"):
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = comment


AROUND = {
    "something_before": lambda p: prepend(p, b"XX"),
    "a_magic_number_before": lambda p: prepend(p, b"\x93NUMPY\x01\x00"),
    "another_archive_before": lambda p: prepend(p, p.read_bytes()),
    "something_after": lambda p: append(p, b"XX"),
    "a_comment": write_comment,
    # Readers take this for the end of an archive without entries.
    "an_end_in_a_comment": lambda p: write_comment(
        p, b"PK\x05\x06" + bytes(40)
    ),
}


@pytest.mark.parametrize("change", AROUND.values(), ids=AROUND)
class TestAroundAnArchive:
    """Limits apply to the archive that is read, wherever it begins."""

    def test_a_bomb_is_rejected(self, layer, tmp_path, change, monkeypatch):
        path = tmp_path / "bomb.npz"
        np.savez_compressed(path, weight=np.zeros(2**23, "float32"), bias=BIAS)
        monkeypatch.setattr(archives, "MAX_BYTES_AT_ANY_RATIO", 2**20)
        change(path)
        refuse(layer, path, "100 times its size|BadZipFile|missing: 'weight'")

    def test_the_rest_is_read_as_it_is(self, tmp_path, change):
        path = tmp_path / "a.npz"
        np.savez(path, **ARRAYS)
        change(path)
        try:
            found = read(path)
        except ValueError as error:
            assert "BadZipFile" in str(error)
        else:
            assert found == {} or (
                found["weight"].tobytes() == WEIGHT.tobytes()
            )

    def test_pytorch_and_the_checks_see_one_archive(self, tmp_path, change):
        path = tmp_path / "a.pt"
        # The first archive has a wrong checksum, which PyTorch ignores.
        damaged(path)
        first = path.read_bytes()
        write(path, ARRAYS)
        if change is AROUND["another_archive_before"]:
            prepend(path, first)
        else:
            change(path)
        with pytest.raises(ValueError, match="before or after|Error: "):
            read(path)


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
class TestBombs:
    def test_an_archive_that_declares_too_much(self, layer, tmp_path, suffix):
        path = tmp_path / f"bomb{suffix}"
        write(path, ARRAYS)
        declare_size(path, 257 * 2**20)
        refuse(layer, path, "bomb.*100 times its size")

    def test_an_archive_that_unpacks_to_much(
        self, layer, tmp_path, suffix, monkeypatch
    ):
        path = tmp_path / f"bomb{suffix}"
        large = np.zeros(2**23, "float32")
        write(path, {"weight": large, "bias": BIAS})
        write_zip(path, entries_of(path), zipfile.ZIP_DEFLATED)
        assert path.stat().st_size < large.nbytes / 200
        monkeypatch.setattr(archives, "MAX_BYTES_AT_ANY_RATIO", 2**20)
        refuse(layer, path, "bomb.*100 times its size")

    def test_all_entries_count(self, layer, tmp_path, suffix, monkeypatch):
        if suffix == ".pt":
            import_torch()
        path = tmp_path / f"bomb{suffix}"
        entries = [(f"{i}.npy", bytes(900)) for i in range(4)]
        write_zip(path, entries, zipfile.ZIP_DEFLATED)
        monkeypatch.setattr(archives, "MAX_BYTES", 3500)
        refuse(layer, path, "unpack to 3600, which is more than 3500")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ((LONG, b""), "'nnnn.*is not an array"),
        ((f"{LONG}.npy", npy((-2, -3))), "'nnnn.* holds float32"),
        ((f"{LONG}.npy", npy((2, 3), version=(3, 0))), "'nnnn.*version"),
        (("a.npy", npy((1,) * 3000)), "declares float32"),
        (("a.npy", npy((2,), bytes(9), "i1," * 2000 + "i1")), "declares"),
    ],
)
def test_a_long_name_or_shape_in_a_broken_entry(layer, tmp_path, entry, words):
    write_npz(tmp_path / "a.npz", entry)
    refuse(layer, tmp_path / "a.npz", words)


def test_names_are_not_paths(layer, tmp_path):
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    write_npz(folder / "a.npz", ("weight.npy", WHOLE), ("../../out.npy", WHOLE))
    report = load_torch(layer, folder / "a.npz", strict=False)
    assert report.unexpected == ("../../out",)
    assert [p.name for p in tmp_path.rglob("*.np*")] == ["a.npz"]
