import csv

import keras
import numpy as np
import pytest

from applications.common.datasets import read_data
from applications.image_classification import train
from applications.image_classification.config import Config
from applications.image_classification.loading import load_classifier
from tests.applications.common.training_contract import (
    TrainingContract,
    content_of,
    rates_of,
    rows_of,
)
from tests.applications.image_classification.conftest import TINY_VIT

VIT = ("--network", "ViT", "--arguments", TINY_VIT)
FROZEN = (
    *(*VIT, "--frozen", "--padding", "0", "--warmup-epochs", "0"),
    *("--learning-rate", "0.1", "--epochs", "4", "--validation"),
)


class TestTraining(TrainingContract):
    train = train


def run(fashion, output, *options):
    argv = ["--data", str(fashion), "--size", "12", "--batch-size", "8"]
    argv += ["--verbose", "0", "--output", str(output), *options]
    return train.main(argv)


def test_the_rate_rises_and_falls(trained):
    # One epoch of linear warm-up, then two of half a cosine to 0.
    np.testing.assert_allclose(
        rates_of(trained), [0.01, 0.005, 0.0], rtol=1e-5, atol=1e-9
    )


def test_a_resnet_learns_pictures_in_colour(pictures, tmp_path):
    options = ("--channels", "3", "--arguments", "depth=8", "--epochs", "6")
    more = ("--attention", "eca", "--mixed-precision", "bfloat16")
    assert run(pictures, tmp_path, *options, *more) == 0
    assert float(rows_of(tmp_path)[-1]["accuracy"]) > 0.9
    classifier = load_classifier(tmp_path)
    assert classifier.class_names == ["green", "red"]
    # Only ECA has a kernel of a few numbers.
    names = [each.name for each in classifier.model.layers]
    assert any("attention" in name for name in names)
    policy = classifier.model.get_layer("stem").dtype_policy.name
    assert policy == "mixed_bfloat16"
    images = read_data(str(pictures), (12, 12, 3)).test.images
    np.testing.assert_array_equal(classifier.prepare(images), images)
    found = classifier.predict(images, 4)
    assert found.dtype == np.float32 and found.shape == (8, 2)


def test_sizes_follow_from_photographs_and_one_epoch_is_enough(
    pictures, tmp_path, capsys
):
    argv = ["--data", str(pictures), "--arguments", "depth=8", "--epochs", "1"]
    argv += ["--verbose", "0", "--output", str(tmp_path)]
    assert train.main(argv) == 0
    out = capsys.readouterr().out
    # 24 images of 14 x 13 pixels.
    line = "derived from the data: --size 13 --channels 3 --batch-size 4"
    assert out.splitlines()[1] == line
    settings = load_classifier(tmp_path).config
    found = [settings[name] for name in ("size", "channels", "batch_size")]
    assert found == [13, 3, 4]
    # Resumed by the same command.
    assert train.main(argv) == 0
    assert "already finished" in capsys.readouterr().out


def test_without_validation_the_last_model_is_kept(fashion, tmp_path):
    assert run(fashion, tmp_path, *VIT, "--epochs", "2") == 0
    assert "val_accuracy" not in rows_of(tmp_path)[0]
    assert (tmp_path / "model.keras").exists()


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_kernels_alone_decay(optimizer):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()]
        + [layers.Dense(2)]
    )
    config = Config(
        optimizer=optimizer,
        learning_rate=0.5,
        schedule="constant",
        warmup_epochs=0,
        weight_decay=0.1,
    )
    train.compile_model(model, config, steps=1)
    for each in model.trainable_variables:
        each.assign(np.ones(each.shape))
    zeros = [keras.ops.zeros(each.shape) for each in model.trainable_variables]
    model.optimizer.apply(zeros, model.trainable_variables)
    for each in model.trainable_variables:
        # One step with the rate 0.5 and a decay of 0.1.
        expected = 0.95 if each.name == "kernel" else 1.0
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(each), expected, rtol=1e-6
        )


@pytest.fixture(scope="module")
def start(fashion, tmp_path_factory):
    """A network trained for two epochs, to start from."""
    folder = tmp_path_factory.mktemp("start")
    assert run(fashion, folder, *VIT, "--epochs", "2") == 0
    return folder / "model.keras"


@pytest.fixture(scope="module")
def frozen(fashion, start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen")
    assert run(fashion, folder, *FROZEN, "--weights", str(start)) == 0
    return folder


class TestFrozen:
    def test_all_but_the_classifier_stays(self, start, frozen):
        before = keras.saving.load_model(start, compile=False)
        after = load_classifier(frozen).model
        for layer in before.layers:
            pairs = zip(
                layer.get_weights(),
                after.get_layer(layer.name).get_weights(),
                strict=True,
            )
            for one, other in pairs:
                same = np.array_equal(one, other)
                assert same == (layer.name != "classifier"), layer.name

    def test_the_features_are_what_the_classifier_sees(self, frozen, fashion):
        images = read_data(str(fashion), (12, 12, 1), 0, True).train.images
        (path,) = frozen.glob("features-train-*.npy")
        features = np.load(path)
        assert features.shape == (44, 16)
        model = load_classifier(frozen).model
        seen = keras.Model(model.input, model.get_layer("classifier").input)
        one_by_one = [
            seen.predict_on_batch(image[None].astype("float32"))[0]
            for image in images[:3]
        ]
        np.testing.assert_allclose(features[:3], one_by_one, atol=1e-4)

    def test_the_classifier_learns(self, frozen):
        rows = rows_of(frozen)
        assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
        assert "val_accuracy" in rows[0]

    def test_features_are_computed_once(
        self, frozen, start, fashion, monkeypatch
    ):
        def predict(*_):
            raise AssertionError("the features were computed again")

        rows = rows_of(frozen)
        for name in ("state.json", "log.csv", "model.keras"):
            (frozen / name).rename(frozen / f"old-{name}")
        monkeypatch.setattr(keras.Model, "predict_on_batch", predict)
        assert run(fashion, frozen, *FROZEN, "--weights", str(start)) == 0
        assert [row["loss"] for row in rows_of(frozen)] == [
            row["loss"] for row in rows
        ]

    def test_features_of_other_data_or_damaged_ones_are_computed_anew(
        self, frozen, start, fashion, tmp_path, capsys
    ):
        expected = [row["loss"] for row in rows_of(frozen)]
        for file in frozen.glob("features-*.npy"):
            other = np.full(np.load(file).shape, 9, "float32")
            # Names of an older version and of older data, and damaged files.
            np.save(tmp_path / f"{file.stem.rpartition('-')[0]}.npy", other)
            np.save(tmp_path / f"{file.stem[:-1]}x.npy", other)
            (tmp_path / file.name).write_bytes(file.read_bytes()[:-40])
        more = (*FROZEN, "--weights", str(start))
        assert run(fashion, tmp_path, *more) == 0
        assert [row["loss"] for row in rows_of(tmp_path)] == expected
        error = capsys.readouterr().err
        assert error.count("damaged (") == error.count("computed again") == 2

    def test_a_new_start_removes_the_features(self, tmp_path, fashion):
        assert run(fashion, tmp_path, *FROZEN, "--epochs", "1") == 0
        assert list(tmp_path.glob("features-train-*.npy"))
        restart = (*VIT, "--epochs", "1", "--warmup-epochs", "0")
        assert run(fashion, tmp_path, *restart, "--restart") == 0
        assert not list(tmp_path.glob("features-*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--arguments", "deep=1"), "must be arguments of ResNetCIFAR"),
        (("--attention", "sea"), "--attention must be none or one of"),
        (("--weights", "nowhere.npz"), "--weights must be a file"),
        (("--network", "ViT", "--size", "13"), "multiples of the patch size"),
    ],
)
def test_refuses(fashion, tmp_path, options, message, capsys):
    assert run(fashion, tmp_path / "run", *options) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error


@pytest.mark.parametrize(
    "options",
    [
        ("--arguments", "deep=1"),
        ("--weights", "nowhere.npz"),
        ("--network", "ViT", "--size", "13"),
    ],
)
def test_what_is_refused_removes_nothing(fashion, tmp_path, options, capsys):
    first = ("--arguments", "depth=8", "--epochs", "1", "--warmup-epochs", "0")
    assert run(fashion, tmp_path, *first) == 0
    before = content_of(tmp_path)
    assert run(fashion, tmp_path, *first, *options, "--restart") == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert content_of(tmp_path) == before
    # It leaves nothing behind that would affect the right options.
    assert run(fashion, tmp_path / "new", *first, *options) == 2
    assert not (tmp_path / "new").exists()


def test_the_log_can_be_read_by_anyone(trained):
    with (trained / "log.csv").open() as file:
        names = next(csv.reader(file))
    expected = "epoch learning_rate accuracy loss val_accuracy val_loss"
    assert names == expected.split()
