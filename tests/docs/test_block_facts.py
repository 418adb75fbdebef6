"""What a block costs is counted and read, not typed."""

import re

import keras
import pytest

pytest.importorskip("sphinx", reason="only the docs extra brings it")
facts = pytest.importorskip("block_facts")


# By hand, from the equations: SE has 2 c h + h + c with h = c / 16, GCT
# three a channel, DIA 2 (5 c d + d + 4 c) with d = c / 4, Encoding 32
# codewords and scales, and SRM four a channel, without what is counted.


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("se", (580, 8464, 132160)),
        ("gct", (192, 768, 3072)),
        ("dia", (10784, 166016, 2630144)),
        ("Encoding", (2080, 8224, 32800)),
        ("srm", (256, 1024, 4096)),
    ],
)
def test_parameters_are_those_of_the_equation(name, numbers):
    for channels, number in zip(facts.CHANNELS, numbers, strict=True):
        assert facts.parameters(*facts.case(name, channels)) == number


@pytest.mark.each_backend
@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="XLA counts operations"
)
def test_operations_are_about_those_of_the_equation():
    # Means and products with the gates, and two matrices of 64 x 4.
    expected = (2 * 14 * 14 * 64 + 2 * 2 * 64 * 4) / 1e6
    found = facts.mflop(*facts.case("se", 64))
    assert expected < found < 1.03 * expected
    written = facts.counted("se")[0]
    assert "| parameters | 580 | 8,464 | 132,160 |" in written
    assert f"| MFLOP | {found:.2f} |" in written


def test_times_are_read_and_not_typed():
    page = facts.CATALOGUE.read_text()
    row = re.search(r"(?m)^\| `se` .*$", page)[0]
    cells = [cell.strip() for cell in row.split("|")[4:-1]]
    for cell in cells:
        assert f" {cell} " in "\n".join(facts.measured("se", page))
    other = page.replace(row, row.replace(cells[0], "7.77"))
    assert " 7.77 " in "\n".join(facts.measured("se", other))
    date = re.search(r"(?m)^jax: (\S+), .*", page)
    assert f"Measured {date[1]}" in facts.measured("se", page)[-1]


def test_what_was_not_measured_is_said():
    page = facts.CATALOGUE.read_text()
    assert "not measured" in facts.measured("soca", page)[-1]
    assert "not measured" in facts.measured("feature_act", page)[-1]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("soca", ["SOCA"]),
        ("fca", ["FCA", "FCA pooled"]),
        ("CovariancePooling", ["CovariancePooling"]),
    ],
)
def test_times_of_a_block_by_itself_are_read(name, labels):
    page = facts.BENCHMARKS.read_text()
    section = page.partition("### Blocks on torch")[2]
    written = "\n".join(facts.measured_alone(name, page))
    for label in labels:
        # The third stage is the third cell of four, twice.
        cells = re.search(rf"(?m)^\| {label} \|(.*)\|$", section)[1].split("|")
        assert f"| {label} on torch |{cells[2]}|{cells[6]}|" in written
    assert written.count(" on jax |") == len(labels)
    date = re.search(r"(?m)^\d{4}-\d\d-\d\d", section)[0]
    assert date in written.partition("Measured")[2]


def test_a_block_that_was_not_measured_by_itself_has_no_table():
    page = facts.BENCHMARKS.read_text()
    assert facts.measured_alone("feature_act", page) == []
    with pytest.raises(ValueError, match="Received: a page without"):
        facts.measured_alone("se", page.replace("### Blocks on", "### On"))


@pytest.mark.parametrize(
    ("name", "place"),
    [("se", "each residual branch"), ("gct", "before each convolution")],
)
def test_says_where_it_sits(name, place):
    page = facts.CATALOGUE.read_text()
    assert place in facts.measured(name, page)[0]


def test_a_missing_table_is_an_error():
    page = facts.CATALOGUE.read_text()
    without = page.replace("<!-- end of costs -->", "")
    with pytest.raises(ValueError, match="Received: a page without"):
        facts.measured("se", without)
    empty = re.sub(r"(?m)^\w+: 20.*\n", "", page)
    with pytest.raises(ValueError, match="when they were measured"):
        facts.measured("se", empty)


def test_an_unknown_block_is_an_error():
    with pytest.raises(ValueError, match="Received: 'gone'"):
        facts.case("gone", 64)
