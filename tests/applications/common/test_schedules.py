import numpy as np
import pytest

from applications.common.schedules import cosine, learning_rate
from applications.facial_expression.config import Config


def rates(schedule, *steps):
    return [float(schedule(step)) for step in steps]


def test_falls_as_a_cosine_to_0():
    # cos(pi / 4) is 0.70711, and (1 + 0.70711) / 2 is 0.85355.
    np.testing.assert_allclose(
        rates(cosine(0.1, epochs=2, steps=4), 0, 2, 4, 6, 8),
        [0.1, 0.085355, 0.05, 0.014645, 0],
        rtol=1e-4,
        atol=1e-8,
    )


def test_rises_in_a_line_first_and_then_falls_over_the_rest():
    schedule = cosine(0.1, epochs=3, steps=4, warmup_epochs=1)
    np.testing.assert_allclose(
        rates(schedule, 0, 1, 2, 3, 4, 6, 8, 12),
        [0, 0.025, 0.05, 0.075, 0.1, 0.085355, 0.05, 0],
        rtol=1e-4,
        atol=1e-8,
    )


@pytest.mark.parametrize("warmup_epochs", [0, 1])
def test_stays_at_0_after_the_end(warmup_epochs):
    schedule = cosine(0.1, 2, 4, warmup_epochs)
    np.testing.assert_allclose(rates(schedule, 9, 100), 0, atol=1e-8)


def rates_of(steps=4, **settings):
    rate = learning_rate(Config(**settings), steps)
    if not callable(rate):
        return rate
    return [float(rate(step)) for step in range(settings["epochs"] * steps)]


class TestLearningRate:
    def test_is_constant_by_default(self):
        assert rates_of(epochs=2) == 1e-3

    def test_falls_as_a_cosine_to_0(self):
        found = rates_of(epochs=2, schedule="cosine")
        expected = 1e-3 * (1 + np.cos(np.pi * np.arange(8) / 8)) / 2
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    @pytest.mark.parametrize("schedule", ["constant", "cosine"])
    def test_rises_first_if_asked_to(self, schedule):
        found = rates_of(epochs=3, schedule=schedule, warmup_epochs=1)
        np.testing.assert_allclose(
            found[:5], [0, 0.00025, 0.0005, 0.00075, 0.001], rtol=1e-5
        )
        assert found[-1] == pytest.approx(1e-3) or schedule == "cosine"
