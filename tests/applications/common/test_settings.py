import argparse
import dataclasses
import os

import pytest

from applications.common import settings


@dataclasses.dataclass(frozen=True)
class Config:
    data: str | None = None
    size_of_it: int = 3
    rate: float = 0.5
    kind: str = "a"
    loud: bool = False


HELP = dict.fromkeys(("data", "size_of_it", "rate", "kind", "loud"), "text")


def parsed(*argv):
    parser = argparse.ArgumentParser()
    settings.add_options(parser, Config, HELP, {"kind": ("a", "b")})
    return settings.from_options(parser.parse_args(argv), Config)


def test_defaults_are_those_of_the_fields():
    assert parsed() == Config()


def test_all_can_be_set():
    found = parsed(
        *("--size-of-it", "4", "--rate", "1e-3", "--kind", "b", "--loud"),
        *("--data", "here"),
    )
    assert found == Config(os.path.abspath("here"), 4, 1e-3, "b", True)


def test_choices_are_kept(capsys):
    with pytest.raises(SystemExit):
        parsed("--kind", "c")
    assert "invalid choice" in capsys.readouterr().err


def test_a_broken_rule_names_the_option():
    rules = {"rate": (True, "small"), "size_of_it": (False, "even")}
    with pytest.raises(ValueError, match="--size-of-it must be even; it is 3"):
        settings.check(Config(), rules)
