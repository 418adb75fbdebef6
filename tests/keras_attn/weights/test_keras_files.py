import os
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_attn import applications
from keras_attn.weights import archives
from keras_attn.weights.files import to_numpy
from keras_attn.weights.keras_files import load_keras
from tests.keras_attn.weights import crafted
from tests.keras_attn.weights.crafted import entries_of, write_zip
from tests.keras_attn.weights.crafted_hdf5 import HDF5, replaced, shape_bomb
from tests.keras_attn.weights.fitting import assert_state, state_of

pytestmark = pytest.mark.once

SUFFIXES = [".weights.h5", ".h5", ".keras"]
KERNEL = {
    ".weights.h5": "layers/dense/vars/0",
    ".h5": "model_weights/dense/small/dense/kernel",
}


def make_model(seed=0):
    normal = keras.initializers.RandomNormal(seed=seed)
    return keras.Sequential(
        [
            keras.Input((3,), name="image"),
            keras.layers.Dense(4, kernel_initializer=normal, name="dense"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(2, kernel_initializer=normal, name="head"),
        ],
        name="small",
    )


def save(model, path):
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The same weights, none with initial values, in each kind of file."""
    model = make_model(1)
    rng = np.random.default_rng(2)
    for variable in model.variables:
        variable.assign(rng.uniform(0.5, 1, variable.shape))
    root = tmp_path_factory.mktemp("saved")
    paths = {suffix: root / f"a{suffix}" for suffix in SUFFIXES}
    for path in paths.values():
        save(model, path)
    return paths, model


@pytest.fixture
def model():
    return make_model()


def copied(saved, suffix, tmp_path):
    path = tmp_path / f"crafted{suffix}"
    path.write_bytes(saved[0][suffix].read_bytes())
    return path


def refuse(model, path, words):
    error = crafted.refuse(load_keras, model, path, words)
    assert f"Received: weights={str(path)!r}" in str(error)
    assert len(str(error)) < 1500


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestEachKind:
    def test_loads_what_was_saved(self, saved, model, suffix):
        load_keras(model, saved[0][suffix])
        assert_state(model, state_of(saved[1]))

    def test_must_be_whole(self, saved, model, suffix, tmp_path):
        path = copied(saved, suffix, tmp_path)
        data = path.read_bytes()
        for length in (0, 1, len(data) // 2, len(data) - 9):
            path.write_bytes(data[:length])
            refuse(model, path, "must be complete")

    def test_must_not_be_noise(self, model, suffix, tmp_path):
        path = tmp_path / f"crafted{suffix}"
        for start in (b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"):
            path.write_bytes(start + np.random.default_rng(0).bytes(3000))
            refuse(model, path, "must be complete")

    def test_must_fit(self, saved, suffix):
        other = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(5, name="dense")],
            name="other",
        )
        refuse(other, saved[0][suffix], "fit `other`.*Error: ")

    def test_must_be_finite(self, saved, model, suffix, tmp_path):
        other = make_model()
        load_keras(other, saved[0][suffix])
        other.layers[-1].bias.assign([1.0, np.nan])
        path = tmp_path / f"crafted{suffix}"
        save(other, path)
        refuse(model, path, "head/bias is not finite")

    def test_must_not_be_too_large(self, saved, model, suffix, monkeypatch):
        path = saved[0][suffix]
        monkeypatch.setattr(archives, "MAX_BYTES", path.stat().st_size - 1)
        refuse(model, path, "is more than ")

    def test_an_interrupt_restores_the_weights(
        self, saved, model, suffix, monkeypatch
    ):
        def stopped(self, path):
            self.layers[0].bias.assign(np.ones(4))
            raise KeyboardInterrupt

        before = state_of(model)
        monkeypatch.setattr(keras.Sequential, "load_weights", stopped)
        with pytest.raises(KeyboardInterrupt):
            load_keras(model, saved[0][suffix])
        assert_state(model, before)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("make", "words"), HDF5.values(), ids=HDF5)
def test_refuses_crafted_hdf5(saved, model, tmp_path, suffix, make, words):
    path = copied(saved, suffix, tmp_path)
    inner = path
    if suffix == ".keras":
        inner = tmp_path / "model.weights.h5"
        inner.write_bytes(dict(entries_of(path))[inner.name])
    with h5py.File(inner, "a") as file:
        key = KERNEL.get(suffix, KERNEL[".weights.h5"])
        replaced(make)(file, key, tmp_path)
    if suffix == ".keras":
        entries = dict(entries_of(path))
        write_zip(path, {**entries, inner.name: inner.read_bytes()}.items())
    refuse(model, path, words)


def test_an_older_file_names_no_array_many_times(saved, model, tmp_path):
    path = copied(saved, ".h5", tmp_path)
    with h5py.File(path, "a") as file:
        group = file["model_weights/dense"]
        names = list(group.attrs["weight_names"])
        group.attrs["weight_names"] = names[:1] * 1000
    refuse(model, path, "lists an array twice")


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
@pytest.mark.parametrize("start", [b"PK\x03\x04", b"XX"])
def test_something_may_stand_before_hdf5(saved, model, tmp_path, suffix, start):
    """HDF5 allows it, and its reader finds the data that follows."""
    path = tmp_path / f"crafted{suffix}"
    with h5py.File(path, "w", userblock_size=512) as file:
        with h5py.File(saved[0][suffix], "r") as source:
            for name in source:
                source.copy(name, file)
            file.attrs.update(source.attrs)
    data = path.read_bytes()
    path.write_bytes(start + data[len(start) :])
    load_keras(model, path)
    assert_state(model, state_of(saved[1]))
    with h5py.File(path, "a") as file:
        replaced(shape_bomb)(file, KERNEL[suffix], tmp_path)
    refuse(make_model(), path, "100 times its size")


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_a_long_name_is_not_printed(saved, model, tmp_path, suffix):
    path = copied(saved, suffix, tmp_path)
    with h5py.File(path, "a") as file:
        file["n" * 60_000] = h5py.SoftLink("/a")
    refuse(model, path, "'nnn.* of type SoftLink")


class TestKerasArchives:
    def changed(self, saved, tmp_path, changes, method=zipfile.ZIP_STORED):
        path = copied(saved, ".keras", tmp_path)
        entries = {**dict(entries_of(path)), **changes}
        kept = [pair for pair in entries.items() if pair[1] is not None]
        write_zip(path, kept, method)
        return path

    def test_a_config_is_not_even_read(self, saved, model, tmp_path):
        config = b'{"class_name": "Lambda", "module": "os", "config": {}'
        path = self.changed(saved, tmp_path, {"config.json": config})
        load_keras(model, path)
        assert_state(model, state_of(saved[1]))

    @pytest.fixture
    def inflated(self, saved, tmp_path, monkeypatch):
        """Returns a function that adds 16 MiB of zeros to an archive."""
        monkeypatch.setattr(archives, "MAX_BYTES_AT_ANY_RATIO", 2**20)
        return lambda name: self.changed(
            saved, tmp_path, {name: bytes(2**24)}, zipfile.ZIP_DEFLATED
        )

    def test_a_config_must_not_inflate(self, model, inflated):
        refuse(model, inflated("config.json"), "100 times its size")

    def test_weights_must_not_inflate(self, model, inflated):
        refuse(model, inflated("model.weights.h5"), "100 times its size")

    @pytest.mark.parametrize("start", [b"XX", b"\x89HDF\r\n\x1a\n"])
    def test_something_before_an_archive_changes_nothing(
        self, model, inflated, start
    ):
        path = inflated("model.weights.h5")
        path.write_bytes(start + path.read_bytes())
        refuse(model, path, "100 times its size")

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_two_files_of_one_name(self, saved, model, tmp_path):
        entries = entries_of(saved[0][".keras"])
        path = tmp_path / "crafted.keras"
        write_zip(path, [*entries, entries[-1]])
        path.write_bytes(b"XX" + path.read_bytes())
        refuse(model, path, "share a name")

    def test_packed_weights_are_read(self, saved, model, tmp_path):
        path = self.changed(saved, tmp_path, {}, zipfile.ZIP_DEFLATED)
        load_keras(model, path)
        assert_state(model, state_of(saved[1]))

    def test_weights_must_be_there(self, saved, model, tmp_path):
        path = self.changed(saved, tmp_path, {"model.weights.h5": None})
        refuse(model, path, "no item named 'model.weights.h5'")

    def test_nothing_else_is_unpacked(self, saved, model, tmp_path):
        path = self.changed(saved, tmp_path, {"../../out.txt": b"out"})
        load_keras(model, path)
        assert not list(tmp_path.parent.rglob("out.txt"))


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestModels:
    """The same through the argument `weights` of a model."""

    OPTIONS = {"include_top": False, "input_shape": (16, 16, 3)}

    def test_do_not_change_earlier_layers(self, saved, suffix, tmp_path):
        """A file for another model could change earlier layers."""
        image = keras.Input((16, 16, 3), name="image")
        before = keras.layers.Dense(3, name="dense", use_bias=False)
        x = before(image)
        source = applications.FERNet(include_top=False, input_tensor=x)
        path = tmp_path / f"fernet{suffix}"
        for variable in source.variables:
            variable.assign(np.full(variable.shape, 0.5))
        last = [v for v in source.variables if "float" in str(v.dtype)][-1]
        last.assign(np.full(last.shape, np.nan))
        save(source, path)
        kernel = np.arange(9.0, dtype="float32").reshape(3, 3)
        before.kernel.assign(kernel)
        with pytest.raises(ValueError, match="not finite"):
            applications.FERNet(include_top=False, input_tensor=x, weights=path)
        np.testing.assert_array_equal(to_numpy(before.kernel), kernel)

    def test_refuse_a_file_of_another_model(self, saved, suffix):
        with pytest.raises(ValueError, match="fit `fernet`"):
            applications.FERNet(**self.OPTIONS, weights=saved[0][suffix])

    def test_reject_things_that_are_not_files(self, suffix, tmp_path):
        path = tmp_path / f"a{suffix}"
        os.mkfifo(path)
        names = [path, tmp_path / f"absent{suffix}", f"a\0{suffix}"]
        for name in [*names, "a" * 300 + suffix, os.fsencode(path)]:
            with pytest.raises(ValueError, match="`weights` must be None"):
                applications.FERNet(**self.OPTIONS, weights=name)
