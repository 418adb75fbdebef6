"""The cost of a block is counted or read, never typed."""

import re

import keras
import pytest

pytest.importorskip("sphinx", reason="only the docs extra installs it")
facts = pytest.importorskip("block_facts")
records = pytest.importorskip("records")


# Computed from the equations: SE has 2 c h + h + c with h = c / 16, GCT three
# per channel, DIA 2 (5 c d + d + 4 c) with d = c / 4, Encoding 32 codewords
# and scales, and SRM four trainable parameters per channel.


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
    page, benchmarks = read(facts.CATALOGUE), read(facts.BENCHMARKS)
    written = facts.facts("se", page, benchmarks, weights="2 c^2 / r, `r` 16")
    assert "| Parameters | `2 c^2 / r`, `r` 16 |" in written
    values = "580 / 8,464 / 132,160"
    assert f"| Parameters for 64 / 256 / 1,024 channels | {values} |" in written
    at = "MFLOPs for 64 / 256 / 1,024 channels"
    assert f"| {at} | {found:.2f} / " in written
    # One table, and a list that ends with the origin.
    table, notes = written.split("\n\n")
    assert table.count("|---|") == 1
    assert 1 <= notes.count("\n- Measured ") <= 2
    assert re.search(r"\n- Measured \d{4}-\d\d-\d\d, [^|]+\.$", notes)
    pooling = facts.facts("CovariancePooling", page, benchmarks)
    assert "| Parameters | none |" in pooling


def test_slowdowns_are_read_and_not_typed():
    page = read(facts.CATALOGUE)
    row = re.search(r"(?m)^\| `se` .*$", page)[0]
    cells = [cell.strip() for cell in row.split("|")[4:-1]]
    rows, notes = facts.measured("se", page)
    written = " ".join(value for _, value in rows) + " "
    for cell in cells:
        assert f" {cell}" in written
    other = page.replace(row, row.replace(cells[0], "7.77"))
    rows, _ = facts.measured("se", other)
    assert any("7.77" in value for _, value in rows)
    date = re.search(r"(?m)^jax: (\S+), .*", page)
    assert notes[-1].startswith(f"Measured {date[1]}")


def test_missing_measurements_are_reported():
    page = read(facts.CATALOGUE)
    rows, notes = facts.measured("soca", page)
    assert [label for label, _ in rows] == ["Added to a ResNet-50"]
    assert notes[-1].endswith("Its slowdown was not measured.")
    assert facts.measured("feature_act", page)[0] == []
    assert "not measured" in facts.measured("feature_act", page)[1][-1]
    assert facts.measured("CovariancePooling", page) == ([], [])


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("soca", ["SOCA"]),
        ("fca", ["FCA", "FCA pooled"]),
        ("CovariancePooling", ["CovariancePooling"]),
    ],
)
def test_times_of_a_block_alone_are_read(name, labels):
    page = read(facts.BENCHMARKS)
    section = page.partition("### Blocks on torch")[2].partition("\n#")[0]
    recorded = {row["block"]: row for row in records.dicts(section)}
    rows, notes = facts.measured_alone(name, page)
    written = dict(rows)
    assert len(written) == 2 * len(labels)
    for label in labels:
        suffix = label.partition(" ")[2]
        for mode, direction in records.PASSES.items():
            cell = recorded[label][f"{direction} 14 x 14 x 1024"]
            value = written[f"{facts.PLAIN}, {f'{mode} {suffix}'.strip()}"]
            assert value.endswith(f"PyTorch {cell.split()[0]}")
            assert value.startswith("JAX ")
    date = re.search(r"(?m)^\d{4}-\d\d-\d\d", section)[0]
    assert date in notes[-1]


def test_a_block_without_a_measurement_alone_has_no_rows():
    page = read(facts.BENCHMARKS)
    assert facts.measured_alone("feature_act", page) == ([], [])
    with pytest.raises(ValueError, match="Received: a page without"):
        facts.measured_alone("se", page.replace("### Blocks on", "### On"))


@pytest.mark.parametrize(
    ("name", "place"),
    [("se", "each residual branch"), ("gct", "before each convolution")],
)
def test_states_where_a_block_is(name, place):
    assert place in facts.measured(name, read(facts.CATALOGUE))[1][0]


def test_a_missing_table_is_an_error():
    page = read(facts.CATALOGUE)
    without = page.replace("<!-- end of costs -->", "")
    with pytest.raises(ValueError, match="Received: a page without"):
        facts.measured("se", without)
    empty = re.sub(r"(?m)^\w+: 20.*\n", "", page)
    with pytest.raises(ValueError, match="when they were measured"):
        facts.measured("se", empty)


def test_an_unknown_block_is_an_error():
    with pytest.raises(ValueError, match="Received: 'gone'"):
        facts.case("gone", 64)


def read(path):
    """Returns the text of a page."""
    return path.read_text()
