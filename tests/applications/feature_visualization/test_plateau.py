from types import SimpleNamespace

import keras
import pytest

from applications.feature_visualization.plateau import Plateau, rate_after

NAN = float("nan")


@pytest.mark.parametrize(
    "losses, patience, divided",
    [
        ([], 1, 0),
        ([3.0, 2.0, 1.0], 1, 0),
        ([3.0, 3.0], 1, 1),
        ([3.0, 4.0], 1, 1),
        # Above the lowest loss, although below the previous one.
        ([3.0, 5.0, 4.0], 1, 2),
        ([3.0, 4.0, 2.0], 2, 0),
        ([3.0, 4.0, 4.0, 4.0], 2, 1),
        ([3.0, 4.0, 2.0, 4.0, 4.0, 1.0, 2.0], 2, 1),
        ([3.0, 4.0, 4.0, 4.0, 4.0], 2, 2),
        ([NAN, NAN], 2, 1),
        ([1.0, NAN, 0.5], 1, 1),
    ],
)
def test_divides_by_ten_where_the_loss_has_stopped_falling(
    losses, patience, divided
):
    expected = 0.02 * 10.0**-divided
    assert rate_after(losses, 0.02, patience) == pytest.approx(expected)


def test_the_rate_of_an_epoch_is_that_of_the_history_restored():
    losses = [3.0, 2.0, 2.5, 2.5]
    training = SimpleNamespace(history=[{"val_loss": x} for x in losses])
    model = SimpleNamespace(optimizer=keras.optimizers.SGD(1.0))
    callback = Plateau(training, "val_loss", 0.02, patience=2)
    callback.set_model(model)
    callback.on_epoch_begin(4)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.002)
