import pytest

from applications.common.parsing import Parser
from applications.image_classification.config import (
    ATTENTIONS,
    Config,
    parsed_arguments,
)
from keras_attn import applications, layers


def test_options_become_settings():
    parser = Parser("A test.")
    Config.add_options(parser)
    argv = ["--network", "ResNet50", "--channels", "3", "--attention", "eca"]
    argv += ["--arguments", "placement=last", "--mixup", "0.2", "--mirror"]
    made = Config.from_options(parser.parse_args(argv))
    assert made.network_arguments == {"placement": "last", "attention": "eca"}
    assert (made.mixup, made.mirror, made.shape) == (0.2, True, (28, 28, 3))
    assert Config(**made.to_dict()) == made


def test_every_block_is_a_choice():
    assert sorted(ATTENTIONS) == layers.names()


@pytest.mark.parametrize(("epochs", "expected"), [("1", 0), ("2", 1), ("9", 1)])
def test_the_rate_rises_in_an_epoch_if_there_is_another(epochs, expected):
    parser = Parser("A test.")
    Config.add_options(parser)
    found = Config.from_options(parser.parse_args(["--epochs", epochs]))
    assert found.warmup_epochs == expected


def test_every_network_is_an_application():
    public = {name for name in dir(applications) if name.startswith("ResNet")}
    public |= {name for name in dir(applications) if name.startswith("ViT")}
    assert set(Config.told("network")["choices"]) == public


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("depth=14", {"depth": 14}),
        (
            "head=covariance, placement='last'",
            {"head": "covariance", "placement": "last"},
        ),
        (
            "patch_size=(7, 4), dropout=0.1, class_token=False",
            {"patch_size": (7, 4), "dropout": 0.1, "class_token": False},
        ),
    ],
)
def test_arguments_are_read_as_python_reads_them(text, expected):
    assert parsed_arguments(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "14",
        "depth 14",
        "depth=f(1)",
        "**{}",
        "depth=1); print(",
        "1)(depth=14",
        "classes=3",
        "attention=se",
        "weights=None",
    ],
)
def test_other_arguments_are_refused(text):
    with pytest.raises(ValueError, match="--arguments must be arguments as in"):
        Config(arguments=text)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"size": 0}, "--size must be positive. Received: 0"),
        ({"batch_size": 1}, "--batch-size must be 2 or more"),
        ({"network": "ViT", "attention": "se"}, "--attention must be none"),
        (
            {"attention": "sea"},
            "--attention must be none or one of .* se, .* Received: sea$",
        ),
        ({"input_range": "imagenet"}, "--input-range must be another"),
        ({"weight_decay": -1.0}, "--weight-decay must be 0 or"),
        ({"weight_decay": float("nan")}, "--weight-decay"),
        ({"warmup_epochs": 12}, "--warmup-epochs must be 0 or more and less"),
        ({"label_smoothing": 1.0}, r"--label-smoothing must be in \[0, 1\)"),
        ({"padding": -1}, r"--padding must be in \[0, --size\]"),
        ({"mixup": 1.5}, r"--mixup must be in \[0, 1\]"),
        ({"rand_augment": -0.1}, r"--rand-augment must be in \[0, 1\]"),
        ({"frozen": True}, "--frozen must be used without --mirror"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Config(**setting)


def test_frozen_is_for_images_as_they_are():
    assert Config(frozen=True, padding=0).frozen
    with pytest.raises(ValueError, match="--frozen"):
        Config(frozen=True, padding=0, mirror=True)
