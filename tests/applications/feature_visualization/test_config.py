import argparse
import dataclasses

import pytest

from applications.feature_visualization import config
from applications.feature_visualization.config import Config


def test_each_setting_is_explained():
    names = [field.name for field in dataclasses.fields(Config)]
    assert list(config.HELP) == names
    for name, choices in config.CHOICES.items():
        assert getattr(Config(), name) in choices


def test_options_become_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    config.add_options(parser)
    argv = ["--data", "images", "--filters", "1,2,3,4,5", "--validation"]
    made = config.from_options(parser.parse_args(argv))
    assert made == Config(
        data=str(tmp_path / "images"), filters="1,2,3,4,5", validation=True
    )
    assert made.filter_list == (1, 2, 3, 4, 5)
    assert made.shape == (28, 28, 1)
    assert Config(**made.to_dict()) == made


def test_the_network_sees_a_crop_or_the_whole():
    assert Config().seen == 24
    assert Config(crop=0).seen == 28


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"size": 8, "crop": 0}, "--size must be 9 or more; it is 8"),
        ({"filters": "1,2,3,4"}, "--filters must be five positive integers"),
        ({"filters": "1,2,3,4,x"}, "--filters must be five"),
        ({"filters": "1,2,3,4,0"}, "--filters must be five"),
        ({"units": 0}, "--units must be positive"),
        ({"dropout": 1.0}, r"--dropout must be in \[0, 1\)"),
        ({"constraint": -0.1}, "--constraint must be 0, or a positive"),
        ({"constraint": float("inf")}, "--constraint"),
        ({"constraint": float("nan")}, "--constraint"),
        ({"crop": 8}, "--crop must be 0, or 9 or more and not above"),
        ({"crop": 29}, "--crop"),
        ({"epochs": 0}, "--epochs must be positive"),
        ({"batch_size": 0}, "--batch-size must be positive"),
        ({"learning_rate": 0.0}, "--learning-rate must be a positive number"),
        ({"learning_rate": float("nan")}, "--learning-rate"),
        ({"momentum": 1.0}, r"--momentum must be in \[0, 1\)"),
        ({"patience": 0}, "--patience must be positive"),
        ({"weight_decay": -1.0}, "--weight-decay must be 0, or"),
        ({"seed": -1}, "--seed must be 0 or more"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Config(**setting)
