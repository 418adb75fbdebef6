"""An export reproduces the outputs of the model, or writes nothing."""

import logging
import math
import pathlib
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_attn
from keras_attn.exporting import naming, runners
from keras_attn.exporting.signature import read_signature
from tests.keras_attn.exporting.targets import (
    BACKEND,
    FORMAT,
    NAME,
    NAMES,
    Net,
    draw,
    every_format,
    listing,
    onnx_names,
    run,
    small,
)


def numbers(tensors):
    return [ops.convert_to_numpy(y) for y in keras.tree.flatten(tensors)]


def gate(height=8, width=6):
    images = keras.Input((height, width, 8))
    # After a convolution, so that the inputs of the block have a gradient.
    y = keras.layers.Conv2D(8, 3, strides=2, padding="same")(images)
    y = keras_attn.layers.CBAM(ratio=4)(y)
    return keras.Model(images, keras.layers.MaxPooling2D(2)(y))


def subtraction(structure=list):
    """Returns a model whose inputs have one shape, but cannot be exchanged."""
    inputs = {name: keras.Input((4,), name=name) for name in ("zeta", "alpha")}
    zeta, alpha = inputs.values()
    y = keras.ops.subtract(zeta, 2.0 * alpha)
    outputs = {"v": y, "u": keras.ops.sum(y, axis=1)}
    if structure is dict:
        return keras.Model(inputs, outputs)
    return keras.Model([zeta, alpha], [outputs["v"], outputs["u"]])


class TestWorks:
    @every_format
    def test_the_file_reproduces_the_model(self, format, tmp_path):
        model, path = gate(), tmp_path / NAMES[format]
        difference = keras_attn.export(model, path, format)
        assert isinstance(difference, float) and 0 <= difference < 1e-5
        images = draw(5, 8, 6, 8)
        (expected,) = numbers(model(images))
        (found,) = run(format, path, {model.inputs[0].name: images})
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert [p.name for p in tmp_path.iterdir()] == [path.name]

    @every_format
    def test_inputs_and_outputs_keep_their_order(self, format, tmp_path):
        model, path = subtraction(), tmp_path / NAMES[format]
        assert keras_attn.export(model, path, format) < 1e-5
        zeta, alpha = draw(2, 4), draw(2, 4, seed=2)
        found = run(format, path, {"zeta": zeta, "alpha": alpha})
        y = zeta - 2 * alpha
        np.testing.assert_allclose(found[0], y, atol=1e-5)
        np.testing.assert_allclose(found[1], y.sum(1), atol=1e-5)
        if format == "onnx":
            assert onnx_names(path) == (["zeta", "alpha"], model.output_names)

    @every_format
    def test_names_of_inputs_and_outputs(self, format, tmp_path):
        path = tmp_path / NAMES[format]
        try:
            difference = keras_attn.export(subtraction(dict), path, format)
        except ValueError as error:
            if "support dictionaries" not in str(error):
                raise
            pytest.skip(f"Keras {keras.__version__} takes no dictionaries here")
        assert difference < 1e-5
        if format == "onnx":
            assert onnx_names(path) == (["alpha", "zeta"], ["u", "v"])

    @pytest.mark.parametrize("kind", ["subclass", "sequential"])
    def test_other_kinds_of_models(self, kind, tmp_path):
        if kind == "subclass":
            model = Net()
            model(draw(2, 4))
        else:
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        assert keras_attn.export(model, tmp_path / NAME, FORMAT) < 1e-5

    def test_height_and_width_stay_open(self, tmp_path, monkeypatch):
        if BACKEND == "torch":
            # Keras traces open sizes on one pixel, so there is no pooling.
            images = keras.Input((None, None, 8))
            model = keras.Model(images, keras_attn.layers.SE(ratio=4)(images))
        else:
            model = gate(None, None)
        path = tmp_path / NAME
        shapes = spy(monkeypatch, path)
        assert keras_attn.export(model, path, FORMAT) < 1e-5
        (one, height, width, _), (three, *others) = shapes
        assert (one, three) == (1, 3)
        assert height != width and others[:2] != [height, width]
        images = draw(2, 19, 23, 8)
        (expected,) = numbers(model(images))
        (found,) = run(FORMAT, path, {model.inputs[0].name: images})
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    def test_crops_of_an_open_size(self, tmp_path):
        """SOCA crops sides beyond 9 pixels at both ends."""
        images = keras.Input((None, None, 4))
        block = keras_attn.layers.SOCA(ratio=2, max_size=9)
        model = keras.Model(images, block(images))
        path = tmp_path / NAME
        assert keras_attn.export(model, path, FORMAT) < 1e-4
        x = draw(2, 7, 12, 4)
        (found,) = run(FORMAT, path, {model.inputs[0].name: x})
        np.testing.assert_allclose(found, *numbers(model(x)), rtol=1e-4)

    def test_is_silent_and_restores_the_settings(
        self, tmp_path, capfd, monkeypatch
    ):
        monkeypatch.setattr(logging.root.manager, "disable", logging.DEBUG)
        before = logging.DEBUG, list(warnings.filters)
        model = small()
        weights = model.get_weights()
        capfd.readouterr()
        keras_attn.export(model, str(tmp_path / NAME), FORMAT)
        out, _ = capfd.readouterr()
        assert out == ""
        assert (logging.root.manager.disable, warnings.filters) == before
        for new, old in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(new, old)


def spy(monkeypatch, path):
    """Returns a list to which the shapes of the inputs in runs are added."""
    shapes = []
    name = f"run_{FORMAT}"
    own = getattr(runners, name)

    def run(path, inputs, signature):
        shapes.append(np.shape(inputs))
        return own(path, inputs, signature)

    monkeypatch.setattr(runners, name, run)
    return shapes


def write_stub(self, path, **kwargs):
    """Replaces Keras' export, and writes a file or a folder."""
    path = pathlib.Path(path)
    if FORMAT == "tf_saved_model":
        path = path / "saved_model.pb"
        path.parent.mkdir()
    path.write_text("new")


@pytest.fixture
def faked(monkeypatch):
    """Returns a function that sets the outputs of exported models."""

    def fake(change, write=write_stub):
        model = small()
        monkeypatch.setattr(keras.Model, "export", write)
        monkeypatch.setattr(naming, "name_onnx", lambda *arguments: None)
        monkeypatch.setattr(
            runners,
            f"run_{FORMAT}",
            lambda path, x, signature: change(numbers(model(x))),
        )
        return model

    return fake


def put_old(folder):
    """Writes an earlier export, and returns the path of its file."""
    path = folder / NAME
    if FORMAT == "tf_saved_model":
        path.mkdir()
        path = path / "saved_model.pb"
        (folder / NAME / "variables").mkdir()
    path.write_text("old")
    return path


class TestAllOrNothing:
    def test_the_difference_is_relative_to_the_largest_output(
        self, faked, tmp_path
    ):
        # Only the last number of each output is 30 ppm too large.
        def change(outputs):
            (y,) = outputs
            return [y + 3e-5 * np.abs(y).max() * np.eye(3)[2]]

        model = faked(change)
        found = keras_attn.export(model, tmp_path / NAME, FORMAT)
        assert found == pytest.approx(3e-5, rel=0.02)

    def test_returns_the_largest_difference_of_both_batches(
        self, faked, tmp_path
    ):
        def change(outputs):
            return [y * (1 + 1e-5 * len(y)) for y in outputs]

        found = keras_attn.export(faked(change), tmp_path / NAME, FORMAT)
        assert found == pytest.approx(3e-5, rel=0.02)

    def test_replaces_an_earlier_export(self, faked, tmp_path):
        old = put_old(tmp_path)
        model = faked(lambda outputs: outputs)
        assert keras_attn.export(model, tmp_path / NAME, FORMAT) < 1e-6
        assert old.read_text() == "new"
        assert not (tmp_path / NAME / "variables").exists()
        assert [p.name for p in tmp_path.iterdir()] == [NAME]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda found: [y * 1.001 for y in found], "of 1.0e-03"),
            (lambda found: [y * math.nan for y in found], "of inf"),
            (lambda found: [y[:1] for y in found], "must have the shapes"),
            (lambda found: found + found, "must have the shapes"),
            (lambda found: 1 / 0, "on a batch of 1.*ZeroDivisionError"),
        ],
    )
    def test_discards_a_file_with_other_outputs(
        self, change, message, faked, tmp_path
    ):
        old = put_old(tmp_path)
        before = listing(tmp_path)
        with pytest.raises(ValueError, match=message):
            keras_attn.export(faked(change), tmp_path / NAME, FORMAT)
        assert listing(tmp_path) == before
        assert old.read_text() == "old"

    def test_accepts_a_larger_tolerance(self, faked, tmp_path):
        model = faked(lambda found: [y * 1.001 for y in found])
        path = tmp_path / NAME
        found = keras_attn.export(model, path, FORMAT, tolerance=1e-2)
        assert found == pytest.approx(1e-3, rel=0.02) and path.exists()

    def test_a_failed_export_leaves_nothing(self, faked, tmp_path):
        def write(self, path, **kwargs):
            write_stub(self, path)
            raise RuntimeError("\x1b[1mno such\noperation\x1b[0m" + "x" * 10**6)

        model = faked(lambda found: found, write)
        old = put_old(tmp_path)
        before = listing(tmp_path)
        with pytest.raises(ValueError, match="no such operation") as caught:
            keras_attn.export(model, tmp_path / NAME, FORMAT)
        assert listing(tmp_path) == before and old.read_text() == "old"
        # The exporter's long message does not flood the terminal either.
        assert len(str(caught.value)) < 1000
        assert (
            caught.value.__cause__ is None and caught.value.__suppress_context__
        )

    def test_rejects_a_model_that_draws_random_numbers(self, tmp_path):
        inputs = keras.Input((40,))
        noise = keras.layers.Dropout(0.5, seed=1)(inputs, training=True)
        model = keras.Model(inputs, noise)
        with pytest.raises(ValueError, match="Nothing was written"):
            keras_attn.export(model, tmp_path / NAME, FORMAT)
        assert listing(tmp_path) == []

    def test_compares_where_a_classifier_is_not_saturated(self):
        """Inputs with a standard deviation of 1 give exactly 0 and 1."""
        inputs = keras.Input((40,))
        scores = keras.ops.sigmoid(50 * keras.ops.sum(inputs, axis=-1))
        model = keras.Model(inputs, scores)
        _, (found,) = read_signature(model).run(model, batch=3)
        assert ((found > 1e-3) & (found < 0.999)).any()

    def test_warns_if_the_outputs_do_not_depend_on_the_inputs(self, tmp_path):
        inputs = keras.Input((4,))
        dense = keras.layers.Dense(2, kernel_initializer="zeros")
        model = keras.Model(inputs, dense(inputs))
        message = "hardly depends on random inputs"
        with pytest.warns(UserWarning, match=message) as caught:
            keras_attn.export(model, tmp_path / NAME, FORMAT)
        assert {each.filename for each in caught} == {__file__}
