"""The errors of `export` and their messages."""

import math
import sys

import keras
import pytest

import keras_attn
from tests.keras_attn.exporting.targets import (
    BACKEND,
    FORMAT,
    FORMATS,
    NAME,
    NAMES,
    Net,
    draw,
    every_format,
    listing,
    small,
)


class Refusing(keras.layers.Layer):
    """Accepts symbolic inputs with an open size, but no arrays."""

    def call(self, inputs):
        if isinstance(inputs, keras.KerasTensor) and inputs.shape[1] is None:
            return inputs
        raise TypeError("never")

    def compute_output_shape(self, input_shape):
        return input_shape


def mixed(policy="mixed_bfloat16"):
    inputs = keras.Input((4,))
    inner = keras.Sequential([keras.layers.Dense(3, dtype=policy)])
    return keras.Model(inputs, inner(inputs))


def of_integers():
    inputs = keras.Input((4,), dtype="int32")
    return keras.Model(inputs, keras.ops.cast(inputs, "float32"))


def of_logarithms():
    inputs = keras.Input((40,))
    return keras.Model(inputs, keras.ops.log(inputs))


def mixed_subclass():
    model = Net()
    model.dtype_policy = keras.DTypePolicy("mixed_float16")
    model(draw(2, 4))
    return model


class TestErrors:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: keras_attn.layers.SE(), r"keras\.Model\(inputs, layer"),
            (lambda: "model", "must be a `keras.Model`. Received: model='mo"),
            (lambda: Net(), "must be built"),
            (mixed, "'dense.*' with the policy 'mixed_bfloat16'"),
            (lambda: mixed("bfloat16"), "policy 'bfloat16'.*set_weights"),
            (mixed_subclass, "policy 'mixed_float16'"),
            (of_integers, "dtype 'int32'"),
            (of_logarithms, "must be finite"),
        ],
    )
    def test_rejects_models(self, make, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            keras_attn.export(make(), tmp_path / NAME, FORMAT)
        assert listing(tmp_path) == []

    def test_rejects_a_model_that_fails_for_all_sizes(self, tmp_path):
        inputs = keras.Input((None, 4))
        model = keras.Model(inputs, Refusing()(inputs))
        with pytest.raises(ValueError, match=r"failed on .*\(1, 328, 4\)"):
            keras_attn.export(model, tmp_path / NAME, FORMAT)

    @pytest.mark.parametrize(
        ("format", "name", "message"),
        [
            ("pickle", "m", r"one of 'onnx', .*format='pickle'"),
            (FORMAT, "there/not/" + NAME, "folder of the path must exist"),
            *(
                [("onnx", "m.tflite", r"must end in '\.onnx'")]
                if "onnx" in FORMATS
                else []
            ),
            *(
                [("tf_saved_model", "m.keras", "the file extension '.keras'")]
                if "tf_saved_model" in FORMATS
                else []
            ),
        ],
    )
    def test_rejects_paths_and_formats(self, format, name, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            keras_attn.export(small(), tmp_path / name, format)

    @every_format
    def test_does_not_overwrite_another_folder(self, format, tmp_path):
        path = tmp_path / NAMES[format]
        path.mkdir()
        (path / "thesis.txt").write_text("all of it")
        with pytest.raises(ValueError, match="which is"):
            keras_attn.export(small(), path, format)
        assert (path / "thesis.txt").read_text() == "all of it"

    @pytest.mark.parametrize("tolerance", [0, -1e-4, math.nan, math.inf])
    def test_rejects_a_bad_tolerance(self, tolerance, tmp_path):
        with pytest.raises(
            ValueError, match=r"`tolerance` must be a number in \(0, inf"
        ):
            keras_attn.export(small(), tmp_path / NAME, FORMAT, tolerance)

    def test_suggests_another_backend_if_keras_cannot_export(self, tmp_path):
        lacking = {"torch": "tf_saved_model", "jax": "litert"}
        if BACKEND == "tensorflow":
            # TensorFlow supports all formats, so there is no such message.
            assert set(FORMATS) == set(NAMES)
            return
        format = lacking[BACKEND]
        with pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow"):
            keras_attn.export(small(), tmp_path / NAMES[format], format)

    def test_names_a_missing_package(self, tmp_path, monkeypatch):
        module = {"onnx": "onnxruntime"}.get(FORMATS[-1], "tensorflow")
        if BACKEND == "tensorflow":
            module = "tf2onnx"
        format = "tf_saved_model" if BACKEND == "jax" else "onnx"
        extra = r"\. All of them are in the extra 'export' of keras_attn\."
        extra = extra if format == "onnx" else ""
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=rf"pip install {module}{extra}$"):
            keras_attn.export(small(), tmp_path / NAMES[format], format)
        assert listing(tmp_path) == []
