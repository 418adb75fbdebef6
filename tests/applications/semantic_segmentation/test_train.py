import keras
import numpy as np
import pytest

from applications.semantic_segmentation import cache, train
from applications.semantic_segmentation.model import load_model
from tests.applications.common.training_contract import (
    TrainingContract,
    rates_of,
    read,
    rows_of,
)
from tests.applications.semantic_segmentation.conftest import shrink


class TestTraining(TrainingContract):
    train = train
    shrink = staticmethod(shrink)
    columns = frozenset(
        {"merged_mean_iou", "val_merged_mean_iou", "scale_0_5_loss"}
    )


def test_writes_classes_and_their_colours(trained):
    facts = read(trained, "run.json")
    assert facts["class_names"] == ["red", "blue", "white"]
    assert len(facts["palette"]) == 3


def test_the_loss_falls(trained):
    losses = [float(row["loss"]) for row in rows_of(trained)]
    assert losses[-1] < 0.9 * losses[0]


def test_the_rate_falls_to_zero(trained):
    # 5 scenes, 2 views each and mirror images, 4 per step: 5 steps per epoch.
    expected = [0.01 * (1 - epoch / 3) ** 0.9 for epoch in (1, 2, 3)]
    np.testing.assert_allclose(
        rates_of(trained), expected, rtol=1e-5, atol=1e-9
    )


@pytest.mark.usefixtures("small")
class TestMore:
    def run(self, command, output, *options):
        return train.main([*command, "--output", str(output), *options])

    def test_convolutions_stay_and_the_rest_learns_for_any_seed(
        self, command, trained, tmp_path, monkeypatch
    ):
        def compute(*_):
            raise AssertionError("the features were computed again")

        monkeypatch.setattr(cache, "_compute", compute)
        weights = str(tmp_path / "same.weights.h5")
        load_model(trained).model.save_weights(weights)
        run = tmp_path / "run"
        options = ("--weights", weights, "--seed", "2", "--epochs", "1")
        assert self.run(command, run, *options) == 0
        found = [load_model(each).model for each in (trained, run)]
        for name in (f"stage{i}_conv1" for i in range(1, 6)):
            one, other = (m.get_layer(name).get_weights()[0] for m in found)
            np.testing.assert_array_equal(one, other)
        for name in ("fc6", "fc7", "classifier", "skip_image_conv1"):
            one, other = (m.get_layer(name).get_weights()[0] for m in found)
            assert np.abs(one - other).max() > 0, name

    def test_finetuning_moves_all(self, command, tmp_path):
        # The skip has enough channels for a gradient.
        options = ("--finetune", "--scales", "1", "--skips", "stage1")
        found = []
        for epochs in ("1", "2"):
            output = tmp_path / epochs
            more = (*options, "--epochs", epochs, "--learning-rate", "1e-3")
            assert self.run(command, output, *more) == 0
            found.append(load_model(output).model)
        for name in ("stage1_conv1", "skip_stage1_conv2", "classifier"):
            one, other = (m.get_layer(name).get_weights()[0] for m in found)
            assert np.abs(one - other).max() > 0, name
        assert "val_mean_iou" in rows_of(tmp_path / "2")[0]

    def test_from_the_weights_of_another_run(self, command, trained, tmp_path):
        weights = tmp_path / "start.weights.h5"
        keras.saving.load_model(trained / "model.keras").save_weights(weights)
        output = tmp_path / "run"
        options = ("--weights", str(weights), "--epochs", "1")
        assert self.run(command, output, *options) == 0
        one, other = (
            load_model(each).model.get_layer("stage3_conv1").get_weights()[0]
            for each in (trained, output)
        )
        np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--scales", "0.5,1"), "--scales must be numbers in (0, 1]"),
            (("--scales", "a"), "--scales must be numbers in (0, 1]"),
            (("--skips", "stage9"), "--skips must be none, or some of"),
            (("--tile", "8"), "--tile must be 17 or more"),
            (("--views", "0"), "--views must be positive"),
            (("--dropout", "1"), "--dropout must be in [0, 1)"),
            (("--weights", "imagenet"), "--weights must be hed, none or"),
        ],
    )
    def test_refuses(self, options, message, command, tmp_path, capsys):
        assert self.run(command, tmp_path / "run", *options) == 2
        assert message in capsys.readouterr().err
