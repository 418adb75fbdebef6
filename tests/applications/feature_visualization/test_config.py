import pytest

from applications.feature_visualization.config import Config


def test_filters_are_numbers_and_images_squares():
    assert Config(filters="1,2,3,4,5").filter_list == (1, 2, 3, 4, 5)
    assert Config().shape == (28, 28, 1)
    assert Config(size=12, crop=9, channels=3).shape == (12, 12, 3)


def test_the_network_sees_a_crop_or_the_whole():
    assert Config().seen == 24
    assert Config(crop=0).seen == 28


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"size": 8, "crop": 0}, "--size must be 9 or more. Received: 8"),
        ({"filters": "1,2,3,4"}, "--filters must be five positive integers"),
        ({"filters": "1,2,3,4,x"}, "--filters must be five"),
        ({"filters": "1,2,3,4,0"}, "--filters must be five"),
        ({"units": 0}, "--units must be positive"),
        ({"dropout": 1.0}, r"--dropout must be in \[0, 1\)"),
        ({"constraint": -0.1}, "--constraint must be 0 or a positive"),
        ({"constraint": float("inf")}, "--constraint"),
        ({"constraint": float("nan")}, "--constraint"),
        ({"crop": 8}, "--crop must be 0, or 9 or more and at most"),
        ({"crop": 29}, "--crop"),
        ({"momentum": 1.0}, r"--momentum must be in \[0, 1\)"),
        ({"patience": 0}, "--patience must be positive"),
        ({"weight_decay": -1.0}, "--weight-decay must be 0 or"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Config(**setting)
