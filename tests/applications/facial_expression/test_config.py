import pytest

from applications.facial_expression.config import Config


def test_the_shape_is_that_of_square_images():
    assert Config(size=64).shape == (64, 64, 1)
    assert Config(size=16, channels=3).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 40),
        ("size", 0),
        ("ratio", 0),
        ("batch_size", 1),
        ("warmup_epochs", 20),
        ("early_stopping", -1),
        ("hold_out", 1.0),
    ],
)
def test_a_value_out_of_range_is_named(name, value):
    flag = name.replace("_", "-")
    with pytest.raises(ValueError, match=f"--{flag} must be .* {value}"):
        Config(**{name: value})
