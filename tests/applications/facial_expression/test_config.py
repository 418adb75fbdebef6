import argparse
import json

import pytest

from applications.facial_expression import config


def parse(*argv):
    parser = argparse.ArgumentParser()
    config.add_options(parser)
    return config.from_options(parser.parse_args(argv))


def test_options_have_the_defaults_of_the_settings():
    assert parse() == config.Config()


def test_each_option_arrives():
    found = parse("--size", "64", "--augment", "--learning-rate", "0.1")
    assert (found.size, found.augment, found.learning_rate) == (64, True, 0.1)
    assert found.shape == (64, 64, 1)


def test_settings_survive_json():
    made = config.Config(seed=3, schedule="cosine")
    again = config.Config(**json.loads(json.dumps(made.to_dict())))
    assert again == made


def test_the_path_of_the_data_does_not_depend_on_the_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert parse("--data", "a.csv").data == str(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("size", "40"),
        ("size", "0"),
        ("ratio", "0"),
        ("epochs", "0"),
        ("batch-size", "1"),
        ("learning-rate", "0"),
        ("warmup-epochs", "20"),
        ("early-stopping", "-1"),
        ("hold-out", "1"),
        ("seed", "-1"),
    ],
)
def test_a_value_out_of_range_is_named(option, value):
    with pytest.raises(ValueError, match=f"--{option} must be .* {value}"):
        parse(f"--{option}", value)
