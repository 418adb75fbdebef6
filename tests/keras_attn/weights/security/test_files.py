"""Crafted `.safetensors` files, and other things that are not files."""

import os

import numpy as np
import pytest

from keras_attn.weights import load_torch
from keras_attn.weights.files import read, to_numpy
from tests.keras_attn.weights.crafted import import_torch, write, write_header
from tests.keras_attn.weights.security.small import (
    ARRAYS,
    BIAS,
    BROKEN,
    LONG,
    WEIGHT,
    refuse,
)

# Reading uses only NumPy.
pytestmark = pytest.mark.once


def with_header(**changes):
    """Returns a writer of a file with changes to the weight's header."""

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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
def test_refuses_numbers_that_are_not_finite(layer, tmp_path, suffix, value):
    path = tmp_path / f"a{suffix}"
    write(path, {**ARRAYS, "bias": np.array([1, value], "float32")})
    refuse(layer, path, "'bias': not finite as float32: 1 of 2 values")


POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
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
        refuse(layer, path, "be the path of an existing file")

    @pytest.mark.parametrize("name", ["a\0", "a" * 300, "a/" * 3000 + "a"])
    def test_must_have_a_name(self, layer, tmp_path, suffix, name):
        path = os.path.join(tmp_path, name + suffix)
        refuse(layer, path, "be the path of an existing file")

    def test_must_not_be_empty(self, layer, tmp_path, suffix):
        if suffix[:2] == ".p":
            import_torch()
        (tmp_path / f"a{suffix}").write_bytes(b"")
        refuse(layer, tmp_path / f"a{suffix}", "the file is empty")

    def test_is_not_read_if_it_only_seems_empty(self, layer, tmp_path, suffix):
        if suffix[:2] == ".p":
            import_torch()
        if not os.path.isfile("/proc/self/maps"):
            pytest.skip("there is no such kernel file")
        (tmp_path / f"a{suffix}").symlink_to("/proc/self/maps")
        refuse(layer, tmp_path / f"a{suffix}", "the file is empty")


def test_a_path_may_be_of_bytes(layer, tmp_path):
    class Path:
        def __fspath__(self):
            return os.fsencode(tmp_path / "a.npz")

    np.savez(tmp_path / "a.npz", **ARRAYS)
    assert list(read(Path())) == ["weight", "bias"]


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt", None])
def test_a_long_name_is_not_printed(layer, tmp_path, suffix):
    source = {**ARRAYS, LONG: np.ones(1, "float32")}
    if suffix:
        write(tmp_path / f"a{suffix}", source)
        source = tmp_path / f"a{suffix}"
    refuse(layer, source, "unexpected: 'nnnn")
    report = load_torch(layer, source, strict=False)
    assert report.unexpected == (LONG,)
    assert len(str(report)) < 1000 and str(report).isascii()
    assert "\x1b" not in str(report)
