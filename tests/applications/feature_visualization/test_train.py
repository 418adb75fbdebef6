import keras
import numpy as np
import pytest

from applications.common.crops import centre
from applications.common.datasets import read_data
from applications.common.training import Run
from applications.feature_visualization import train
from applications.feature_visualization.config import Config
from applications.feature_visualization.model import load_model
from applications.feature_visualization.plateau import Plateau, rate_after
from applications.feature_visualization.train import train_model
from tests.applications.common.training_contract import (
    TrainingContract,
    rates_of,
    rows_of,
)


class TestTraining(TrainingContract):
    train = train

    def test_the_rate_follows_the_loss_through_a_stop(self, trained, resumed):
        for run in (trained, resumed):
            losses = [float(row["val_loss"]) for row in rows_of(run)]
            expected = [rate_after(losses[:i], 0.03, 1) for i in range(3)]
            # The loss rises in the second epoch, after the stop.
            assert expected[2] < expected[0]
            np.testing.assert_allclose(rates_of(run), expected, rtol=1e-6)


def test_the_mean_image_is_that_of_the_centres(trained, fashion):
    images = read_data(str(fashion), (12, 12, 1), validation=True).train.images
    mean = load_model(trained).model.layers[1].mean_image
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(mean),
        centre(images, 9).mean(axis=0),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "validation, loss", [(True, "val_loss"), (False, "loss")]
)
def test_plateau_watches_the_validation_if_there_is_one(
    fashion, tmp_path, monkeypatch, validation, loss
):
    def fit(self, batches, callbacks, **options):
        watched.extend(
            each.monitor for each in callbacks if isinstance(each, Plateau)
        )

    watched = []
    monkeypatch.setattr(keras.Model, "fit", fit)
    config = Config(size=12, crop=9, filters="4,4,4,4,4", units=8)
    data = read_data(str(fashion), config.shape, validation=validation)
    train_model(config, data, Run(tmp_path))
    assert watched == [loss]


def test_it_learns_whole_pictures_in_colour(coloured):
    model = load_model(coloured).model
    assert model.input_shape == (None, 12, 12, 3)
    assert model.get_layer("stage3").dtype_policy.name == "mixed_bfloat16"
    rows, rates = rows_of(coloured), rates_of(coloured)
    assert float(rows[-1]["accuracy"]) > 0.9
    # No validation, and a cosine schedule that ends at 0.
    assert "val_loss" not in rows[0]
    assert 0.03 > rates[0] > rates[6] > rates[11] < 1e-6
