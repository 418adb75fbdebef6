from pathlib import Path

import pytest

from applications.common.problems import Problems


def test_the_first_bad_item_stops():
    with pytest.raises(ValueError, match="a.png: broken"):
        Problems().add("a.png: broken")


def test_skipped_items_are_counted_and_the_first_shown(capsys):
    problems = Problems(skip=True)
    for i in range(7):
        problems.add(f"{i}.png: broken")
    problems.report()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "skipped 7 bad items:"
    assert lines[1] == "  0.png: broken" and lines[-1] == "  ..."
    assert len(lines) == 7


def test_what_is_not_read_is_said_and_stops_nothing(capsys):
    problems = Problems()
    problems.strays += [Path("a.txt"), Path("b.txt")]
    problems.notes.append("a folder")
    problems.report()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "skipped 2 files that are not images:"
    assert lines[1:] == ["  a.txt", "  b.txt", "note: a folder"]


def test_nothing_is_reported_if_all_is_good(capsys):
    Problems(skip=True).report()
    assert capsys.readouterr().err == ""
