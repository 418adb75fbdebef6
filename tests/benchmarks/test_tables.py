"""A table of measurements is read as it was written."""

import pytest

from benchmarks import tables

ROWS = [
    {"block": "SE", "plain ms": 1234.56, "ours / plain": 0.5, "MiB": 1234.4},
    {"block": "GCT", "plain ms": 0.04, "ours / plain": "", "MiB": 7},
]
WRITTEN = [
    dict(zip(ROWS[0], ("SE", "1234.6", "0.50", "1,234"), strict=True)),
    dict(zip(ROWS[0], ("GCT", "0.0", "", "7"), strict=True)),
]


def test_numbers_are_rounded_by_their_unit():
    assert tables.formatted(ROWS) == WRITTEN
    assert tables.formatted(WRITTEN) == WRITTEN


def test_tables_of_a_section_are_joined():
    text = tables.tables(ROWS, [["plain ms", "MiB"], ["ours / plain"]])
    assert text.count("| block |") == 2
    before, rows = tables.read(f"\n\nBefore.\n\n{text}\n\n")
    assert before == "Before."
    assert rows == WRITTEN


def test_tables_of_different_length_are_an_error():
    short = tables.table(ROWS[:1])
    with pytest.raises(ValueError, match="zip"):
        tables.read(f"Before.\n\n{tables.table(ROWS)}\n\n{short}")
