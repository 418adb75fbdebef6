"""Records the numbers that backends must agree on; tests the comparison.

`make test` sets `KERAS_ATTN_PARITY_DIR` and runs this file on each backend,
then compares with `tests.compare_backends`.
"""

import os
import pathlib

import keras
import numpy as np
import pytest

from tests import compare_backends
from tests.cases import MODELS
from tests.cases.layers import LAYERS
from tests.contracts import parity
from tests.contracts.devices import format_error

BACKENDS = ("jax", "tensorflow", "torch")


def recorded():
    """Yields cases and formats, for each layer only the first case in both.

    For the other cases, `check_data_formats_agree` compares the formats. The
    second format of a model is thorough, since its layers are recorded in both.
    """
    seen = set()
    for case in (*LAYERS, *MODELS):
        kind = getattr(case, "cls", None) or case.function
        formats = case.formats[:1] if kind in seen else case.formats
        seen.add(kind)
        for count, data_format in enumerate(formats):
            name = f"{case}-{data_format}"
            thorough = count > 0 and case in MODELS
            marks = pytest.mark.thorough if thorough else ()
            yield pytest.param(case, data_format, id=name, marks=marks)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Returns the folder for this backend's records."""
    folder = os.environ.get("KERAS_ATTN_PARITY_DIR")
    folder = pathlib.Path(folder or tmp_path_factory.mktemp("parity"))
    return folder / keras.backend.backend()


@pytest.mark.parametrize(("case", "data_format"), [*recorded()])
def test_is_recorded(case, data_format, folder):
    reason = format_error(data_format)
    if reason is not None:
        compare_backends.leave_out(folder, f"{case}-{data_format}", reason)
        pytest.skip(reason)
    name = parity.record(case, data_format, folder)
    arrays = parity.read(folder, name)
    kinds = [key.split(" ")[0] for key in arrays]
    assert kinds.count("gradient") == case.num_weights + kinds.count("inputs")
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert (folder / f"{name}.keras").exists()


def fake_records(folder, **changes):
    """Writes the same arrays for each backend, with some changes."""
    for backend in BACKENDS:
        (folder / backend).mkdir(parents=True)
        arrays = {
            "inputs 0": np.ones((2, 3), "float32"),
            "outputs 0": np.array([1.0, -1000.0], "float32"),
            "gradient of weight 0 kernel": np.array([2.0], "float32"),
        }
        np.savez(
            folder / backend / "toy.npz", **arrays | changes.get(backend, {})
        )


@pytest.fixture
def no_files(monkeypatch):
    """Skips the processes that load saved models of other backends."""
    monkeypatch.setattr(compare_backends, "load_elsewhere", lambda *_: {})


def closing_line(capsys):
    return capsys.readouterr().out.strip().splitlines()[-1]


@pytest.mark.usefixtures("no_files")
class TestCompareBackends:
    def test_passes_equal_numbers(self, tmp_path, capsys):
        fake_records(tmp_path)
        assert compare_backends.main([str(tmp_path)]) == 0
        assert closing_line(capsys) == "1 passed, 0 failed"

    def test_passes_rounding_relative_to_the_largest(self, tmp_path):
        rounded = {"outputs 0": np.array([1.05, -1000.0], "float32")}
        fake_records(tmp_path, torch=rounded)
        assert compare_backends.main([str(tmp_path)]) == 0

    @pytest.mark.parametrize(
        ("key", "array"),
        [
            ("outputs 0", [1.5, -1000.0]),
            ("outputs 0", [np.nan, -1000.0]),
            ("outputs 0", [[1.0, -1000.0]]),
            ("gradient of weight 0 kernel", [2.001]),
            ("gradient of weight 1 bias", [2.0]),
        ],
    )
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_catches_a_difference(self, backend, key, array, tmp_path, capsys):
        changed = {key: np.array(array, "float32")}
        fake_records(tmp_path, **{backend: changed})
        assert compare_backends.main([str(tmp_path)]) == 1
        output = capsys.readouterr().out
        assert key in output and backend in output
        assert output.strip().splitlines()[-1] == "0 passed, 1 failed"

    def test_reports_a_missing_backend(self, tmp_path, capsys):
        fake_records(tmp_path)
        (tmp_path / "torch" / "toy.npz").unlink()
        (tmp_path / "torch").rmdir()
        assert compare_backends.main([str(tmp_path)]) == 1
        assert "torch has no records" in capsys.readouterr().out

    def test_reports_a_missing_case(self, tmp_path, capsys):
        fake_records(tmp_path)
        path = tmp_path / "jax" / "toy.npz"
        path.rename(path.with_name("other.npz"))
        assert compare_backends.main([str(tmp_path)]) == 1
        output = capsys.readouterr().out
        assert "toy: not recorded by jax" in output
        assert "other: not recorded by tensorflow, torch" in output
        assert output.strip().splitlines()[-1] == "0 passed, 2 failed"

    def test_accepts_a_reason_why_a_case_cannot_run(self, tmp_path, capsys):
        fake_records(tmp_path)
        folder = tmp_path / "tensorflow"
        (folder / "toy.npz").unlink()
        compare_backends.leave_out(folder, "toy", "no oneDNN")
        assert compare_backends.main([str(tmp_path)]) == 0
        assert "without tensorflow (no oneDNN)" in capsys.readouterr().out

    def test_fails_if_there_is_nothing_to_compare(self, tmp_path, capsys):
        assert compare_backends.main([str(tmp_path / "none")]) == 1
        assert closing_line(capsys) == "0 passed, 3 failed"

    def test_compares_only_the_backends_asked_for(self, tmp_path):
        fake_records(tmp_path, torch={"outputs 0": np.zeros(2, "float32")})
        arguments = [str(tmp_path), "--backends", "jax", "tensorflow"]
        assert compare_backends.main(arguments) == 0

    def test_catches_a_file_that_loads_differently(
        self, tmp_path, monkeypatch, capsys
    ):
        fake_records(tmp_path)

        def loaded(folder, backend, others, each):
            return {
                f"{other} toy": 0.5 if backend == "jax" else 0.0
                for other in others
            }

        monkeypatch.setattr(compare_backends, "load_elsewhere", loaded)
        assert compare_backends.main([str(tmp_path)]) == 1
        assert "file of torch, loaded by jax" in capsys.readouterr().out


# Starts a process, as every comparison does.
@pytest.mark.thorough
class TestLoadElsewhere:
    def test_reports_why_a_file_cannot_be_loaded(self, tmp_path):
        fake_records(tmp_path)
        (tmp_path / "jax" / "toy.keras").write_bytes(b"no archive")
        here = keras.backend.backend()
        loaded = compare_backends.load_elsewhere(tmp_path, here, ["jax"])
        assert "toy.keras" in loaded["jax toy"]
