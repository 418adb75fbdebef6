import pathlib

from applications.common import listing

ROOT = pathlib.Path(listing.__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(ROOT.glob("applications/*/*.py"))
    if "\ndef main(" in path.read_text(encoding="utf-8")
]


def test_every_command_is_found():
    found = [
        f"applications.{task}.{name}"
        for task in listing.tasks()
        for name in listing.commands(task)
    ]
    assert found == MODULES


def test_every_command_has_a_line(capsys):
    assert listing.show() == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line.startswith("  ")]
    assert [row[0] for row in rows] == [x.rpartition(".")[2] for x in MODULES]
    # Each says what the command does.
    summaries = [" ".join(row[1:]) for row in rows]
    assert min(len(text.split()) for text in summaries) > 5
    assert all(text[0].isupper() for text in summaries)


def test_a_task_lists_its_own_commands(capsys):
    assert listing.show("facial_expression") == 0
    out = capsys.readouterr().out
    assert "python -m applications.facial_expression.<command>" in out
    assert "\n  demo " in out and "gallery" not in out


def test_unknown_names_are_errors(capsys):
    assert listing.show("image_clasification") == 2
    told = capsys.readouterr().err
    assert told.startswith("error: the task must be one of facial_expression,")
    assert told.endswith("Did you mean image_classification?\n")
    assert listing.show("image_classification", "zzz") == 2
    assert capsys.readouterr().err.endswith("Received: zzz\n")


def test_a_parser_is_called_as_its_command():
    made = listing.parser_of(listing.commands("facial_expression")["demo"])
    assert made.prog == "python -m applications.facial_expression.demo"
