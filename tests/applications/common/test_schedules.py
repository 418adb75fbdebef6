import numpy as np
import pytest

from applications.common.schedules import cosine


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
