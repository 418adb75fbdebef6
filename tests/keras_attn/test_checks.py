import json
from fractions import Fraction

import numpy as np
import pytest

from keras_attn import checks

pytestmark = pytest.mark.once

INTEGER = "`n` must be a positive integer. Received: n="
NUMBER = r"`n` must be a number in \(0, 2\]. Received: n="
FINITE = r"`n` must be a number in \(-inf, inf\). Received: n="
SHARE = r"`n` must be a number in \[0, 1\). Received: n="
PAIR = "`n` must be an integer of at least 0 or a pair of them. Received: n="


def within(name, value):
    return checks.number(name, value, above=0, most=2)


def from_zero(name, value):
    return checks.pair(name, value, 0)


def word(name, value, **options):
    return checks.one_of(name, value, ("avg", "Max", None), **options)


@pytest.mark.parametrize("value", [True, np.True_, None, "1", np.array(1)])
@pytest.mark.parametrize(
    ("check", "message"),
    [
        (checks.positive, INTEGER),
        (checks.number, FINITE),
        (checks.share, SHARE),
        (checks.pair, "`n` must be a positive integer or a pair of them."),
    ],
)
def test_rejects_values_that_are_not_numbers(check, message, value):
    with pytest.raises(ValueError, match=f"^{message}"):
        check("n", value)


@pytest.mark.parametrize(
    ("check", "message", "values"),
    [
        (checks.positive, INTEGER, [0, -1, 1.0, np.int64(0), (1,)]),
        (within, NUMBER, [0, -0.5, 2.5, float("nan"), [1]]),
        (
            checks.number,
            FINITE,
            [float("inf"), -float("inf"), float("nan"), np.float32("inf"), 1j],
        ),
        (checks.share, SHARE, [-0.1, 1, 1.5, float("nan")]),
        (from_zero, PAIR, [-1, (1, -1), (1,), (1, 2, 3), (1, True), {1, 2}]),
        (
            word,
            "`n` must be one of 'avg', 'Max', None. Received: n=",
            ["mean", 1, True, ["avg"], np.zeros(3)],
        ),
    ],
)
def test_rejects_values_that_break_the_rule(check, message, values):
    for value in values:
        with pytest.raises(ValueError, match=f"^{message}"):
            check("n", value)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (checks.positive("n", 1), 1),
        (checks.positive("n", np.int64(3)), 3),
        (checks.integer("n", np.uint8(0), 0), 0),
        (checks.number("n", -7), -7),
        (checks.number("n", 10**400), 10**400),
        (checks.number("n", np.float32(0.5)), 0.5),
        (checks.number("n", np.float64(0.5)), 0.5),
        (checks.number("n", np.int64(2)), 2),
        (checks.number("n", Fraction(1, 4)), 0.25),
        (checks.number("n", 0, least=0, most=0), 0),
        (within("n", 2), 2),
        (checks.share("n", 0), 0),
        (checks.pair("n", 2), (2, 2)),
        (checks.pair("n", [np.int32(2), 3]), (2, 3)),
        (from_zero("n", 0), (0, 0)),
        (word("n", "avg"), "avg"),
        (word("n", None), None),
    ],
)
def test_returns_python_numbers(found, expected):
    assert found == expected and type(found) is type(expected)
    json.dumps(found)


@pytest.mark.parametrize(
    "check", [checks.positive, checks.number, checks.share, checks.pair]
)
def test_optional_arguments_may_be_none(check):
    assert check("n", None, optional=True) is None
    with pytest.raises(ValueError, match=r"or None. Received: n='1'$"):
        check("n", "1", optional=True)


def test_the_fix_comes_last():
    with pytest.raises(ValueError, match=r"Received: n=0. Leave it out.$"):
        checks.positive("n", 0, fix="Leave it out.")


def test_suggests_the_nearest_word():
    with pytest.raises(ValueError, match=r"n='max'. Did you mean 'Max'\?$"):
        word("n", "max")
    with pytest.raises(ValueError, match=r"Did you mean 'avg'\? See it."):
        word("n", "avgs", fix="See it.")
    with pytest.raises(ValueError, match="n='sum'$"):
        word("n", "sum")
