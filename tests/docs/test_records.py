"""Measurements are read back from the pages that show them."""

import pytest

pytest.importorskip("sphinx", reason="only the docs extra installs it")
records = pytest.importorskip("records")

TABLE = "| block | a |\n|---|---|\n| SE | 1 |\n| ECA | 2 |\n"


def test_a_table_is_written_and_read():
    rows = [["block", "a"], ["SE", "1"], ["ECA", ""]]
    assert records.dicts(records.table(rows)) == [
        {"block": "SE", "a": "1"},
        {"block": "ECA", "a": ""},
    ]


def test_tables_with_the_same_rows_are_joined():
    other = TABLE.replace("| a |", "| b |").replace("1", "3")
    assert records.dicts(f"{TABLE}\n{other}")[0] == {
        "block": "SE",
        "a": "1",
        "b": "3",
    }


def test_slowdowns_are_by_mode_and_backend():
    row = {"block": "`se`", "jax, training": "1.05", "torch, training": ""}
    assert records.slowdowns(row) == {"training": {"JAX": "1.05"}}


@pytest.mark.parametrize(
    ("second", "where"),
    [
        ("2026-01-01, a CPU", "2026-01-01, a CPU"),
        (
            "2026-01-02, a CPU",
            "JAX: 2026-01-01, a CPU; PyTorch: 2026-01-02, a CPU",
        ),
    ],
)
def test_an_origin_is_not_repeated(second, where):
    origins = [
        "jax: 2026-01-01, a CPU; keras 3, jax 1.",
        f"torch: {second}; keras 3, torch 2.",
    ]
    assert records.place(origins) == f"{where}; keras 3, jax 1, torch 2"
