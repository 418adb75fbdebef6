import shlex
from pathlib import Path

import pytest

from applications.common.parsing import DATA, OUTPUT, Parser


def helped(*options, examples=()):
    made = Parser("A test.", examples)
    made.prog = "python -m a.test"
    for names, given in options:
        made.add_argument(*names, **given)
    return made, made.format_help()


def test_a_choice_may_begin_with_a_dash(capsys):
    made = Parser("A test.")
    made.add_argument("--range", choices=("0,1", "-1,1"), help="what")
    made.add_argument("--other", nargs="*")
    for argv in (["--range", "-1,1"], ["--range=-1,1", "--other"]):
        assert made.parse_args(argv).range == "-1,1"
    for wrong in (["--range", "-2,2"], ["--other", "-1,1"]):
        with pytest.raises(SystemExit):
            made.parse_args(wrong)
    assert "invalid choice: '-2,2'" in capsys.readouterr().err


def test_groups_come_in_one_order():
    _, text = helped(
        (["--output"], {"group": OUTPUT, "help": "written"}),
        (["--data"], {"group": DATA, "help": "read"}),
    )
    titles = [x[:-1] for x in text.splitlines() if x[-1:] == ":"]
    assert titles == ["options", "data", "output", "device"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"default": 3, "type": int}, "--it N what (default: 3)"),
        ({"default": ["a", "b"]}, "--it IT what (default: a b)"),
        ({"default": Path("a"), "type": Path}, "--it PATH what (default: a)"),
        ({"default": None, "derived": "all"}, "--it IT what (default: all)"),
        ({"default": 5, "derived": "6 of 7"}, "--it IT what (default: 6 of 7)"),
        ({"default": "5%"}, "--it IT what (default: 5%)"),
        ({"action": "store_true"}, "--it what"),
        ({"choices": ("a", "b")}, "--it {a,b} what"),
        ({"choices": ("word",) * 9}, "--it IT what: word, word, word,"),
        ({"choices": ("0,1", "a")}, "--it IT what: 0,1 a"),
    ],
)
def test_values_and_defaults_are_shown(given, words):
    _, text = helped((["--it"], {"help": "what", **given}))
    line = " ".join(text.replace("\n", " ").split())
    assert f" {words} " in f"{line} "


def test_usage_has_what_is_required():
    _, text = helped(
        (["--images"], {"nargs": "+", "required": True, "help": "read"}),
        (["file"], {"type": Path, "help": "written"}),
    )
    usage = "usage: python -m a.test [options] --images images ... PATH "
    assert " ".join(text.split()).startswith(usage)


def test_examples_can_be_pasted():
    arguments = f"--data {'a' * 60} --name 'two words' --other {'b' * 60}"
    _, text = helped(examples=[("It runs.", arguments), ("So does this.", "")])
    _, _, block = text.partition("\nexamples:\n")
    first, second = block.strip().split("\n\n")
    comment, *lines = first.splitlines()
    assert comment.strip() == "# It runs." and len(lines) > 1
    joined = "\n".join(lines).replace("\\\n", "")
    expected = f"python -m a.test {arguments}"
    assert shlex.split(joined) == shlex.split(expected)
    assert second.split() == "# So does this. python -m a.test".split()


def test_without_examples_none_are_announced():
    assert "examples" not in helped()[1]
