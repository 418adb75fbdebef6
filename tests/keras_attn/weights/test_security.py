"""Crafted files: each is refused, in little memory, and changes nothing."""

import os
import pickle
import struct
import traceback
import zipfile

import keras
import numpy as np
import pytest

from keras_attn.weights import archives, load_torch
from keras_attn.weights.files import read, to_numpy
from tests.keras_attn.weights.crafted import (
    Peak,
    Trap,
    declare_size,
    entries_of,
    import_torch,
    nested_lists,
    npy,
    npy_of,
    write_header,
    write_overlapping,
    write_pickle,
    write_pickled,
    write_safetensors,
    write_tar,
    write_zip,
)

WEIGHT = np.arange(6, dtype="float32").reshape(2, 3)
BIAS = np.array([0.5, -0.5], "float32")
ARRAYS = {"weight": WEIGHT, "bias": BIAS}
# More than any reader needs for files of this size.
LITTLE = 16 * 2**20


def tensors():
    torch = import_torch()
    return {name: torch.from_numpy(array) for name, array in ARRAYS.items()}


@pytest.fixture
def layer():
    layer = keras.layers.Dense(2, name="dense", bias_initializer="ones")
    layer.build((None, 3))
    return layer


def state_of(layer):
    return [np.array(to_numpy(variable)) for variable in layer.variables]


def refuse(layer, path, words):
    """Asserts what is true of each file here."""
    before = state_of(layer)
    with Peak() as peak, pytest.raises(ValueError, match=words) as caught:
        load_torch(layer, path)
    check_message(caught.value, len(str(path)))
    for old, new in zip(before, state_of(layer), strict=True):
        assert old.tobytes() == new.tobytes()
    assert peak.bytes < LITTLE


def check_message(error, length_of_path):
    """Asserts that no reader speaks through an error."""
    assert "Received" in str(error)
    assert len(str(error)) < 1500 + length_of_path
    shown = "".join(traceback.format_exception(error))
    for advice in ("to `False`", "allow_pickle", "add_safe_globals"):
        assert advice not in shown


def with_header(**changes):
    """Returns a writer of a file whose weight is described as given."""

    def write(path):
        weight = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
        bias = {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]}
        header = {"weight": {**weight, **changes}, "bias": bias}
        write_header(path, header, WEIGHT.tobytes() + BIAS.tobytes())

    return write


def test_the_header_is_right_but_for_the_changes(layer, tmp_path):
    pytest.importorskip("safetensors", reason="reads its files")
    with_header()(tmp_path / "a.safetensors")
    load_torch(layer, tmp_path / "a.safetensors")
    assert to_numpy(layer.kernel).tobytes() == WEIGHT.T.tobytes()


BROKEN = "be whole, and hold arrays and nothing else"
SAFETENSORS = {
    "header_beyond_all": lambda p: write_header(p, b"{}", length=2**62),
    "header_beyond_the_file": lambda p: write_header(p, b"{}", length=1000),
    "header_of_length_0": lambda p: write_header(p, b"", length=0),
    "header_no_json": lambda p: write_header(p, b"import os"),
    "header_nested": lambda p: write_header(p, b'{"a":' + b"[" * 10**6),
    "offsets_beyond_the_file": with_header(data_offsets=[8, 2**40]),
    "offsets_overlap": with_header(data_offsets=[8, 32]),
    "offsets_leave_a_gap": with_header(data_offsets=[0, 20], shape=[5]),
    "offsets_negative": with_header(data_offsets=[-24, 0]),
    "offsets_reversed": with_header(data_offsets=[24, 0]),
    "shape_negative": with_header(shape=[-2, -3]),
    "shape_larger": with_header(shape=[2**20, 3]),
    "shape_overflows": with_header(shape=[2**62, 2**62]),
    "dtype_larger": with_header(dtype="F64"),
    "dtype_unknown": with_header(dtype="object"),
}


@pytest.mark.parametrize("write", SAFETENSORS.values(), ids=SAFETENSORS)
def test_refuses_a_crafted_safetensors(layer, tmp_path, write):
    pytest.importorskip("safetensors", reason="reads its files")
    path = tmp_path / "crafted.safetensors"
    write(path)
    refuse(layer, path, f"{BROKEN}.*crafted.safetensors")


def write_npz(path, *entries, **kwargs):
    """Writes a bias that is fine, and before it what is given."""
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
    "no_array": (lambda p: write_npz(p, ("weight", WHOLE)), "is no array"),
    "no_magic": (lambda p: write_npz(p, ("a.npy", b"code" * 9)), "magic"),
    "shape_bomb": (
        lambda p: write_npz(p, ("weight.npy", npy((10**13,)))),
        r"declares float32 of \(10000000000000,\), and has 0 bytes",
    ),
    "shape_bomb_that_memory_can_hold": (
        lambda p: write_npz(p, ("weight.npy", npy((2**26,), bytes(24)))),
        "declares float32 of .*, and has 24 bytes",
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
        "and has 28 bytes",
    ),
    "dtype_bomb": (
        lambda p: write_npz(p, ("weight.npy", npy((6,), bytes(24), "|V99999"))),
        "and has 24 bytes",
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
        "packed by the methods",
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
    # To the readers, this is the end of an archive without entries.
    "an_end_in_a_comment": lambda p: write_comment(
        p, b"PK\x05\x06" + bytes(40)
    ),
}


@pytest.mark.parametrize("change", AROUND.values(), ids=AROUND)
class TestAroundAnArchive:
    """Limits are those of what is read, wherever in the file that begins."""

    def test_a_bomb_is_a_bomb(self, layer, tmp_path, change, monkeypatch):
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
        import_torch()
        path = tmp_path / "a.pt"
        # What comes first has a wrong checksum, which PyTorch does not see.
        damaged(path)
        first = path.read_bytes()
        import_torch().save(tensors(), path)
        if change is AROUND["another_archive_before"]:
            prepend(path, first)
        else:
            change(path)
        with pytest.raises(ValueError, match="before or after|Error: "):
            read(path)


class Own:
    """A class that no reader of weights has a use for."""


def trapped(path, zipped=True):
    import_torch().save(
        {**tensors(), "b": Trap(path.parent / "ran")},
        path,
        _use_new_zipfile_serialization=zipped,
    )


def legacy_storage_bomb(path):
    torch = import_torch()
    torch.save(tensors(), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    # Six elements of the weight become 2**31 - 1.
    assert data.count(b"K\x06N") == 1
    path.write_bytes(data.replace(b"K\x06N", b"J\xff\xff\xff\x7fN"))


def damaged(path):
    import_torch().save(tensors(), path)
    data = path.read_bytes()
    assert data.count(WEIGHT.tobytes()) == 1
    path.write_bytes(data.replace(WEIGHT.tobytes(), (WEIGHT + 1).tobytes()))


COUNT = b"K" + bytes([WEIGHT.size]) + b"t"
SHAPE = b"K\x02K\x03\x86"
MANY = b"J" + struct.pack("<i", 2**28)
UNSAFE = "UnpicklingError: Weights only load failed"
TORCH = {
    "code": (trapped, UNSAFE),
    "code_in_the_older_form": (lambda p: trapped(p, False), UNSAFE),
    "code_in_a_plain_pickle": (
        lambda p: p.write_bytes(pickle.dumps(Trap(p.parent / "ran"), 2)),
        UNSAFE,
    ),
    "code_in_a_tar": (
        lambda p: write_tar(p, pickle.dumps(Trap(p.parent / "ran"), 2)),
        BROKEN,
    ),
    "os_system": (
        lambda p: write_pickle(p, b"\x80\x02cos\nsystem\nX\4\0\0\0true\x85R."),
        UNSAFE,
    ),
    "a_class_of_ones_own": (
        lambda p: import_torch().save({**tensors(), "own": Own()}, p),
        UNSAFE,
    ),
    "a_network": (
        lambda p: import_torch().save(import_torch().nn.Linear(3, 2), p),
        UNSAFE,
    ),
    "an_item_set_in_a_list": (
        lambda p: write_pickle(p, b"\x80\x02]K\x00K\x01s."),
        BROKEN,
    ),
    "storage_beyond_its_record": (
        lambda p: write_pickled(p, tensors(), COUNT, MANY + b"t"),
        BROKEN,
    ),
    "shape_beyond_its_storage": (
        lambda p: write_pickled(p, tensors(), SHAPE, MANY + b"K\x03\x86"),
        BROKEN,
    ),
    "older_storage_beyond_the_file": (legacy_storage_bomb, BROKEN),
    "a_list_of_lists_of_lists": (
        lambda p: import_torch().save(
            {**tensors(), "bias": nested_lists(9)}, p
        ),
        "'bias': holds object",
    ),
    "a_flipped_weight": (damaged, "checksum|CRC"),
    "size_larger_than_it_is": (
        lambda p: (import_torch().save(tensors(), p), declare_size(p, 400)),
        BROKEN,
    ),
    "overlapping": (
        lambda p: write_overlapping(p, "a/data.pkl", bytes(5000)),
        "overlap",
    ),
}


@pytest.mark.parametrize(("write", "words"), TORCH.values(), ids=TORCH)
def test_refuses_a_crafted_torch_file(layer, tmp_path, write, words):
    import_torch()
    path = tmp_path / "crafted.pt"
    write(path)
    refuse(layer, path, words)
    assert not (tmp_path / "ran").exists()


def test_the_trap_is_armed(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
class TestBombs:
    def test_an_archive_that_declares_too_much(self, layer, tmp_path, suffix):
        path = tmp_path / f"bomb{suffix}"
        if suffix == ".npz":
            np.savez(path, a=np.ones(2))
        else:
            import_torch().save(tensors(), path)
        declare_size(path, 257 * 2**20)
        refuse(layer, path, "bomb.*100 times its size")

    def test_an_archive_that_unpacks_to_much(
        self, layer, tmp_path, suffix, monkeypatch
    ):
        path = tmp_path / f"bomb{suffix}"
        large = np.zeros(2**23, "float32")
        if suffix == ".npz":
            np.savez_compressed(path, weight=large, bias=BIAS)
        else:
            torch = import_torch()
            torch.save({"weight": torch.from_numpy(large)}, path)
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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
def test_refuses_numbers_that_are_not_finite(layer, tmp_path, suffix, value):
    path = tmp_path / f"a{suffix}"
    arrays = {**ARRAYS, "bias": np.array([1, value], "float32")}
    if suffix == ".npz":
        np.savez(path, **arrays)
    elif suffix == ".safetensors":
        pytest.importorskip("safetensors", reason="reads its files")
        write_safetensors(path, arrays)
    else:
        torch = import_torch()
        torch.save({k: torch.from_numpy(a) for k, a in arrays.items()}, path)
    refuse(layer, path, "'bias': not finite as float32: 1 of 2 values")


POSIX = pytest.mark.skipif(os.name != "posix", reason="has no such files")
PATHS = {
    "a_folder": lambda path: path.mkdir(),
    "absent": lambda path: None,
    "a_link_to_nothing": lambda path: path.symlink_to("absent"),
    "a_link_to_itself": lambda path: path.symlink_to(path),
    "a_pipe": lambda path: os.mkfifo(path),
    "a_device": lambda path: path.symlink_to("/dev/zero"),
}


@POSIX
@pytest.mark.timeout(60)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".npz"])
class TestPaths:
    @pytest.mark.parametrize("make", PATHS.values(), ids=PATHS)
    def test_must_be_a_file(self, layer, tmp_path, suffix, make):
        path = tmp_path / f"a{suffix}"
        make(path)
        refuse(layer, path, "be the path of a file that exists")

    @pytest.mark.parametrize("name", ["a\0", "a" * 300, "a/" * 3000 + "a"])
    def test_must_have_a_name(self, layer, tmp_path, suffix, name):
        path = os.path.join(tmp_path, name + suffix)
        refuse(layer, path, "be the path of a file that exists")

    def test_must_not_be_empty(self, layer, tmp_path, suffix):
        if suffix[:2] == ".p":
            import_torch()
        (tmp_path / f"a{suffix}").write_bytes(b"")
        refuse(layer, tmp_path / f"a{suffix}", "the file is empty")

    def test_is_not_read_if_it_only_seems_empty(self, layer, tmp_path, suffix):
        if suffix[:2] == ".p":
            import_torch()
        if not os.path.isfile("/proc/self/maps"):
            pytest.skip("there is no file of the kernel's")
        (tmp_path / f"a{suffix}").symlink_to("/proc/self/maps")
        refuse(layer, tmp_path / f"a{suffix}", "the file is empty")


def test_a_path_may_be_of_bytes(layer, tmp_path):
    class Path:
        def __fspath__(self):
            return os.fsencode(tmp_path / "a.npz")

    np.savez(tmp_path / "a.npz", **ARRAYS)
    assert list(read(Path())) == ["weight", "bias"]


LONG = "n" * 60_000 + "\x1b[31m"


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt", None])
def test_a_long_name_is_not_printed(layer, tmp_path, suffix):
    source = {**ARRAYS, LONG: np.ones(1, "float32")}
    if suffix == ".safetensors":
        pytest.importorskip("safetensors", reason="reads its files")
        write_safetensors(tmp_path / "a.safetensors", source)
    elif suffix == ".npz":
        entries = [(f"{name}.npy", npy_of(a)) for name, a in source.items()]
        write_zip(tmp_path / "a.npz", entries)
    elif suffix == ".pt":
        torch = import_torch()
        torch.save(
            {n: torch.from_numpy(a) for n, a in source.items()},
            tmp_path / "a.pt",
        )
    if suffix:
        source = tmp_path / f"a{suffix}"
    refuse(layer, source, "unexpected: 'nnnn")
    report = load_torch(layer, source, strict=False)
    assert report.unexpected == (LONG,)
    assert len(str(report)) < 1000 and str(report).isascii()
    assert "\x1b" not in str(report)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ((LONG, b""), "'nnnn.*is no array"),
        ((f"{LONG}.npy", npy((-2, -3))), "'nnnn.* holds float32"),
        ((f"{LONG}.npy", npy((2, 3), version=(3, 0))), "'nnnn.*version"),
        (("a.npy", npy((1,) * 3000)), "declares float32"),
        (("a.npy", npy((2,), bytes(9), "i1," * 2000 + "i1")), "declares"),
    ],
)
def test_a_long_name_or_shape_in_a_broken_entry(layer, tmp_path, entry, words):
    write_npz(tmp_path / "a.npz", entry)
    refuse(layer, tmp_path / "a.npz", words)


def test_names_are_names_and_no_places(layer, tmp_path):
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    write_npz(folder / "a.npz", ("weight.npy", WHOLE), ("../../out.npy", WHOLE))
    report = load_torch(layer, folder / "a.npz", strict=False)
    assert report.unexpected == ("../../out",)
    assert [p.name for p in tmp_path.rglob("*.np*")] == ["a.npz"]
