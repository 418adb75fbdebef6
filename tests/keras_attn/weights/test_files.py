import sys
import traceback

import keras
import numpy as np
import pytest

from keras_attn.weights import archives, files
from keras_attn.weights.wrappers import find_weights
from tests.keras_attn.weights.crafted import (
    import_torch,
    write,
    write_safetensors,
)

pytestmark = pytest.mark.once

ARRAYS = {
    "a.weight": np.arange(6, dtype="float32").reshape(2, 3),
    "a.bias": np.array([0.5, -0.5]),
}
BF16 = np.array([1.0, -2.5, 3.0625], "bfloat16")


def read(source):
    """Reads arrays with unknown names."""
    found = find_weights(files.read(source), lambda names: 0).weights
    return {n: files.to_array(n, array, False) for n, array in found.items()}


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert isinstance(found[name], np.ndarray)
        assert found[name].dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(found[name], array)


class TestMapping:
    def test_takes_arrays_as_they_are(self):
        assert_same(read(ARRAYS), ARRAYS)

    def test_takes_lists_and_numbers(self):
        found = read({"a": [[1, 2]], "b": 0.5})
        assert found["a"].shape == (1, 2) and found["b"].shape == ()

    def test_takes_variables(self):
        variable = keras.Variable([1.0, 2.5], dtype="bfloat16", trainable=True)
        found = read({"a": variable})["a"]
        assert found.astype("float32").tolist() == [1.0, 2.5]

    def test_takes_tensors_of_torch(self):
        torch = import_torch()
        weight = torch.nn.Parameter(torch.tensor([[1.0, 2.0]]))
        half = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
        found = read({"a": weight, "b": half, "c": half.requires_grad_()})
        assert found["a"].tolist() == [[1.0, 2.0]]
        assert found["b"].dtype == np.dtype("bfloat16")
        assert found["b"].tolist() == found["c"].tolist() == [1.5, -2.0]

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_does_not_expand_strides_of_zero(self, dtype):
        torch = import_torch()
        one = torch.ones((1, 1), dtype=getattr(torch, dtype))
        found = read({"a": one.expand(10**7, 10**7)})["a"]
        assert found.shape == (10**7, 10**7) and found.strides == (0, 0)

    def test_may_be_empty(self):
        assert read({}) == {}

    @pytest.mark.parametrize("value", [[[1, 2], [3]], "ragged"])
    def test_says_which_value_is_no_array(self, value):
        if value == "ragged":
            value = import_torch().ones((2, 2), device="meta")
        with pytest.raises(ValueError, match="to arrays. Received: 'a' of"):
            read({"a": value})

    @pytest.mark.parametrize("source", [None, [1, 2], b"a.pt"])
    def test_refuses_other_sources(self, source):
        name = type(source).__name__
        with pytest.raises(ValueError, match=f"Received: source=<{name}>"):
            read(source)


class TestFiles:
    @pytest.mark.parametrize("convert", [str, lambda path: path])
    def test_reads_safetensors(self, tmp_path, convert):
        pytest.importorskip("safetensors", reason="reads its files")
        path = tmp_path / "a.SafeTensors"
        arrays = {**ARRAYS, "half": BF16}
        write_safetensors(path, arrays)
        found = read(convert(path))
        assert_same({name: found[name] for name in arrays}, arrays)
        assert len(found) == len(arrays)

    @pytest.mark.parametrize("new", [True, False])
    @pytest.mark.parametrize("suffix", [".pt", ".pth", ".PTH.tar", ".bin"])
    def test_reads_torch(self, tmp_path, suffix, new):
        torch = import_torch()
        path = tmp_path / f"a{suffix}"
        tensors = {name: torch.from_numpy(a) for name, a in ARRAYS.items()}
        half = torch.from_numpy(BF16.astype("float32")).to(torch.bfloat16)
        torch.save(
            {"state_dict": {**tensors, "half": half}, "epoch": 3},
            path,
            _use_new_zipfile_serialization=new,
        )
        assert_same(read(path), {**ARRAYS, "half": BF16})

    def test_reads_a_state_dict(self, tmp_path):
        torch = import_torch()
        network = torch.nn.Sequential(torch.nn.Linear(3, 2))
        torch.save(network.state_dict(), tmp_path / "a.pt")
        expected = {
            n: p.detach().numpy() for n, p in network.named_parameters()
        }
        assert_same(read(tmp_path / "a.pt"), expected)

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_reads_npz(self, tmp_path, save):
        save(tmp_path / "a.npz", **ARRAYS)
        assert_same(read(tmp_path / "a.npz"), ARRAYS)

    @pytest.mark.parametrize("name", ["a.pkl", "a.h5", "a", "a.npy", "a.pt.gz"])
    def test_refuses_other_suffixes(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(
            ValueError, match="pt', '.pth', '.pth.tar', '.ckpt', '.bin', '.n"
        ):
            read(tmp_path / name)

    @pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".npz"])
    class TestOfEachKind:
        def test_must_exist(self, tmp_path, suffix):
            path = tmp_path / f"absent{suffix}"
            with pytest.raises(ValueError, match="existing file.*absent"):
                read(path)

        def test_must_be_a_file(self, tmp_path, suffix):
            path = tmp_path / f"folder{suffix}"
            path.mkdir()
            with pytest.raises(ValueError, match="existing file.*folder"):
                read(path)

        @pytest.mark.parametrize("start", [b"", b"PK", b"PK\x03\x04", b"\x80"])
        def test_must_not_be_noise(self, tmp_path, suffix, start):
            if suffix != ".npz":
                pytest.importorskip(
                    "torch" if "p" in suffix else "safetensors",
                    reason="reads its files",
                )
            path = tmp_path / f"noise{suffix}"
            noise = np.random.default_rng(7).bytes(500)
            path.write_bytes(start + noise)
            with pytest.raises(ValueError, match="complete.*noise") as caught:
                read(path)
            shown = "".join(traceback.format_exception(caught.value))
            assert len(shown) < 20_000 and "Re-running" not in shown

        def test_must_not_be_empty(self, tmp_path, suffix):
            path = tmp_path / f"empty{suffix}"
            path.write_bytes(b"")
            with pytest.raises(ValueError, match="be complete.*empty"):
                read(path)

        def test_must_be_whole(self, tmp_path, suffix):
            path = tmp_path / f"short{suffix}"
            write(path, {"a": np.ones(100, "float32")})
            path.write_bytes(path.read_bytes()[:-9])
            with pytest.raises(ValueError, match="complete.*short") as caught:
                read(path)
            assert caught.value.__cause__ is not None

        def test_must_not_be_too_large(self, tmp_path, suffix, monkeypatch):
            monkeypatch.setattr(archives, "MAX_BYTES", 1000)
            path = tmp_path / f"large{suffix}"
            path.write_bytes(bytes(1001))
            with pytest.raises(
                ValueError, match="its 1001 bytes.*more than 1000 "
            ):
                read(path)

    @pytest.mark.parametrize(
        ("suffix", "module"),
        [(".safetensors", "safetensors.numpy"), (".pt", "torch")],
    )
    def test_says_what_to_install(self, tmp_path, suffix, module, monkeypatch):
        monkeypatch.setitem(sys.modules, module, None)
        package = module.split(".")[0]
        path = tmp_path / f"a{suffix}"
        path.write_bytes(b"")
        with pytest.raises(ValueError, match=rf"-e .\.\[{package}\]"):
            read(path)

    @pytest.mark.parametrize(
        ("version", "fine"),
        [
            ("2.9.1", False),
            ("1.13.0+cpu", False),
            ("2.10.0", True),
            ("2.11.0a0+git", True),
        ],
    )
    def test_needs_a_torch_that_runs_no_code(
        self, tmp_path, version, fine, monkeypatch
    ):
        torch = import_torch()
        torch.save({"a": torch.ones(2)}, tmp_path / "a.pt")
        monkeypatch.setattr(torch, "__version__", version)
        if fine:
            assert list(read(tmp_path / "a.pt")) == ["a"]
        else:
            with pytest.raises(
                ValueError, match="2.10 or newer.*" + version[:3]
            ):
                read(tmp_path / "a.pt")

    def test_must_hold_a_mapping(self, tmp_path):
        torch = import_torch()
        torch.save([torch.ones(2)], tmp_path / "list.pt")
        with pytest.raises(ValueError, match="holds one. Received.*list.pt"):
            read(tmp_path / "list.pt")


class TestLimits:
    def test_counts_all_that_an_archive_unpacks_to(self, tmp_path, monkeypatch):
        path = tmp_path / "bomb.npz"
        arrays = {name: np.zeros(1000, "uint8") for name in "abcd"}
        np.savez_compressed(path, **arrays)
        assert path.stat().st_size < 3000
        monkeypatch.setattr(archives, "MAX_BYTES", 3000)
        with pytest.raises(ValueError, match="unpack to 4.*more than 3000 "):
            read(path)
        monkeypatch.setattr(archives, "MAX_BYTES", 5000)
        assert_same(read(path), arrays)

    def test_accepts_small_archives_that_compress_well(self, tmp_path):
        path = tmp_path / "zeros.npz"
        zeros = np.zeros(10**6, "float32")
        np.savez_compressed(path, a=zeros)
        assert path.stat().st_size * 100 < zeros.nbytes
        assert_same(read(path), {"a": zeros})
