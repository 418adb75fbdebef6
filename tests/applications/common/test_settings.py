import dataclasses
import json
import os

import pytest

from applications.common.parsing import DATA, GROUPS, TRAINING, Parser
from applications.common.settings import PRECISIONS, Rule, Settings, setting
from applications.facial_expression.config import Config as FacialExpression
from applications.feature_visualization.config import (
    Config as FeatureVisualization,
)
from applications.image_classification.config import (
    Config as ImageClassification,
)
from applications.semantic_segmentation.config import (
    Config as SemanticSegmentation,
)

TASKS = (
    FacialExpression,
    FeatureVisualization,
    ImageClassification,
    SemanticSegmentation,
)


@dataclasses.dataclass(frozen=True)
class Tiny(Settings):
    data: str | None = setting(None, "what to read")
    epochs: int = setting(4, "how often")
    seed: int = setting(0, "of all")
    size_of_it: int = setting(
        3,
        "how large",
        Rule("odd", lambda x, _: x % 2),
        Rule("1 where it is loud", lambda x, config: x == 1 or not config.loud),
        group=DATA,
    )
    kind: str = setting("a", "which", choices=("a", "b"), group=TRAINING)
    loud: bool = setting(False, "how", group=TRAINING)


def parsed(*argv, kind=Tiny):
    parser = Parser("A test.")
    kind.add_options(parser)
    return kind.from_options(parser.parse_args(argv))


def test_defaults_are_those_of_the_fields():
    assert parsed() == Tiny()
    assert Tiny().to_dict() == {
        "data": None,
        "epochs": 4,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "mixed_precision": "none",
        "seed": 0,
        "size_of_it": 3,
        "kind": "a",
        "loud": False,
    }


def test_all_can_be_set():
    found = parsed(
        *("--data", "here", "--epochs", "2", "--batch-size", "5"),
        *("--learning-rate", "1e-2", "--mixed-precision", "bfloat16"),
        *("--seed", "6", "--size-of-it", "1", "--kind", "b", "--loud"),
    )
    assert found == Tiny(
        os.path.abspath("here"), 2, 5, 0.01, "bfloat16", 6, 1, "b", True
    )


@pytest.mark.parametrize(
    ("option", "choices"), [("--kind", "ab"), ("--mixed-precision", PRECISIONS)]
)
def test_choices_are_kept(option, choices, capsys):
    for choice in choices:
        parsed(option, choice)
    with pytest.raises(SystemExit):
        parsed(option, "c")
    assert "invalid choice: 'c'" in capsys.readouterr().err


def test_help_has_a_line_for_each_option():
    parser = Parser("A test.")
    Tiny.add_options(parser)
    text = parser.format_help()
    for words in ("--size-of-it", "how large", "--loud", "images per step"):
        assert words in text


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"size_of_it": 4}, "--size-of-it must be odd. Received: 4"),
        ({"size_of_it": 4, "loud": True}, "--size-of-it must be odd"),
        ({"loud": True}, "must be 1 where it is loud. Received: 3"),
        ({"epochs": 0}, "--epochs must be positive. Received: 0"),
        ({"batch_size": 0}, "--batch-size must be positive. Received: 0"),
        ({"learning_rate": 0.0}, "--learning-rate must be a positive number"),
        ({"learning_rate": float("inf")}, "--learning-rate .* Received: inf"),
        ({"learning_rate": float("nan")}, "--learning-rate .* Received: nan"),
        ({"seed": -1}, "--seed must be 0 or more. Received: -1"),
    ],
)
def test_a_broken_rule_names_the_option(setting, message):
    with pytest.raises(ValueError, match=message):
        Tiny(**setting)


def test_options_can_be_left_out_and_given_otherwise(capsys):
    parser = Parser("A test.")
    Tiny.add_options(parser, without=("kind", "data"))
    options = parser.parse_args(["--seed", "2"])
    assert not hasattr(options, "kind") and not hasattr(options, "data")
    found = Tiny.from_options(options, kind="b", data=None)
    assert found == Tiny(kind="b", seed=2)
    with pytest.raises(SystemExit):
        parser.parse_args(["--kind", "b"])
    assert "unrecognized arguments: --kind b" in capsys.readouterr().err


def test_what_is_given_comes_before_the_options():
    parser = Parser("A test.")
    Tiny.add_options(parser)
    options = parser.parse_args(["--kind", "a", "--data", "here"])
    found = Tiny.from_options(options, kind="b", data="there")
    # Only paths from the command line depend on the folder.
    assert (found.kind, found.data) == ("b", "there")


def test_the_path_of_the_data_does_not_depend_on_the_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert parsed("--data", "a.csv").data == str(tmp_path / "a.csv")
    assert parsed("--data", "/a.csv").data == "/a.csv"


def test_settings_survive_json():
    made = Tiny(seed=3, kind="b", learning_rate=0.1, data="/a")
    assert Tiny(**json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": "3"}, "seed is '3'"),
        ({"seed": True}, "seed is True"),
        ({"loud": 1}, "loud is 1"),
        ({"data": 4}, "data is 4"),
        ({"learning_rate": None}, "learning_rate is None"),
        ({"colour": 1}, "colour is unknown"),
        ({"seed": -1}, "--seed must be 0 or more"),
    ],
)
def test_damaged_settings_are_refused(change, words):
    saved = {**Tiny().to_dict(), **change}
    with pytest.raises(ValueError, match=f"^run.json: .*{words}"):
        Tiny.from_dict(saved, "run.json")
    whole = {**Tiny().to_dict(), "learning_rate": 1}
    assert Tiny.from_dict(whole, "run.json").learning_rate == 1


def test_a_setting_that_is_missing_is_not_guessed():
    saved = Tiny().to_dict()
    del saved["seed"]
    with pytest.raises(ValueError, match="seed is missing.*--restart"):
        Tiny.from_dict(saved, "run.json")


@pytest.mark.parametrize("kind", TASKS)
class TestTasks:
    def test_the_options_have_the_defaults_of_the_settings(self, kind):
        assert parsed(kind=kind) == kind()

    def test_each_setting_is_explained(self, kind):
        for field in dataclasses.fields(kind):
            told = kind.told(field.name)
            assert told["help"] and told["group"] in GROUPS, field.name
            assert field.default in told.get("choices", [field.default])

    def test_settings_survive_json(self, kind):
        made = kind(seed=3, epochs=7, data="/a")
        saved = json.loads(json.dumps(made.to_dict()))
        assert kind.from_dict(saved, "run.json") == made

    def test_one_epoch_is_enough(self, kind):
        assert parsed("--epochs", "1", kind=kind).epochs == 1
