import numpy as np
import pytest

from applications.common.problems import Problems
from applications.facial_expression.fer2013 import read_fer2013

HEADER = "emotion,pixels,Usage"


def pixels(value, count=2304):
    return " ".join([str(value)] * count)


GOOD = [
    f"0,{pixels(10)},Training",
    f"6,{pixels(20)},Training",
    f"3,{pixels(30)},PublicTest",
    f"5,{pixels(40)},PrivateTest",
]


def read(tmp_path, lines, skip=False):
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    problems = Problems(skip)
    return read_fer2013(path, (48, 48, 1), problems), problems.messages


def test_usage_tells_the_part(tmp_path):
    data, _ = read(tmp_path, [HEADER, *GOOD])
    assert data.class_names[0] == "angry" and len(data.class_names) == 7
    assert data.train.labels.tolist() == [0, 6]
    assert data.train.images.shape == (2, 48, 48, 1)
    assert data.train.sources[1].endswith("fer2013.csv, row 3")
    for part, value, label in (
        (data.validation, 30, 3),
        (data.test, 40, 5),
    ):
        assert (part.images == value).all()
        assert part.labels.tolist() == [label]


def test_rows_of_pixels_are_rows_of_the_image(tmp_path):
    ramp = " ".join(str(i // 48) for i in range(2304))
    data, _ = read(tmp_path, [HEADER, f"0,{ramp},Training"])
    np.testing.assert_array_equal(data.train.images[0, :, 5, 0], range(48))
    assert data.validation is None and data.test is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"0,{pixels(1, 2303)},Training", "must be 2304.*Received: 2303"),
        (f"0,{pixels(256)},Training", "integers from 0 to 255"),
        (f"0,{pixels(0.5)},Training", "integers from 0 to 255"),
        (f"7,{pixels(1)},Training", "0 to 6 or .*Received: '7'"),
        (f"-1,{pixels(1)},Training", "0 to 6 or .*Received: '-1'"),
        (f"glad,{pixels(1)},Training", "0 to 6 or .*Received: 'glad'"),
        (f"0.5,{pixels(1)},Training", "0 to 6 or .*Received: '0.5'"),
        (f"nan,{pixels(1)},Training", "0 to 6 or .*Received: 'nan'"),
        (f"0,{pixels(1)},Test", "Usage must be one of Training.*'Test'"),
        (f"0,{pixels(1)}", "fewer than 3 columns"),
    ],
)
def test_a_bad_row_is_named_or_skipped(tmp_path, line, words):
    lines = [HEADER, GOOD[0], line, *GOOD[1:]]
    with pytest.raises(ValueError, match=f"fer2013.csv, row 3: .*{words}"):
        read(tmp_path, lines)
    data, messages = read(tmp_path, lines, skip=True)
    assert len(messages) == 1 and "row 3" in messages[0]
    assert len(data.train) == 2


@pytest.mark.parametrize(
    "header",
    [
        " Emotion , PIXELS,usage ",
        "\ufeffemotion,pixels,Usage",
        "\n\nemotion,pixels,Usage",
        '"emotion","pixels","Usage"',
        "emotion, Usage, pixels",
        "Usage,Unnamed: 0,pixels,emotion",
        "emotion;pixels;Usage",
        "emotion\tpixels\tUsage",
    ],
)
def test_the_first_row_may_have_many_forms(tmp_path, header):
    delimiter = next((each for each in ";\t" if each in header), ",")
    names = [name.strip('"\n\ufeff ') for name in header.split(delimiter)]
    lines = [header]
    for line in GOOD:
        values = line.split(",")
        cells = dict(zip(HEADER.lower().split(","), values, strict=True))
        row = (cells.get(name.lower(), "7") for name in names)
        lines.append(delimiter.join(row))
    data, _ = read(tmp_path, lines)
    assert data.sizes() == "train 2, validation 1, test 1"
    assert data.train.labels.tolist() == [0, 6]
    assert data.train.images[:, 0, 0, 0].tolist() == [10, 20]
    row = 3 + header.count("\n")
    assert data.train.sources[1].endswith(f"fer2013.csv, row {row}")


@pytest.mark.parametrize("label", ["6.0", " 6 ", "neutral", "Neutral", "6e0"])
def test_labels_may_have_many_forms(tmp_path, label):
    lines = [HEADER, f"{label},{pixels(1)}, training "]
    data, _ = read(tmp_path, lines)
    assert data.train.labels.tolist() == [6]


def test_columns_of_one_name_are_refused(tmp_path):
    lines = [f"{HEADER}, Pixels", f"{GOOD[0]},{pixels(2)}"]
    with pytest.raises(ValueError, match="pixels repeated"):
        read(tmp_path, lines)


def test_missing_columns_are_named(tmp_path):
    with pytest.raises(ValueError, match="Usage,pixels missing"):
        read(tmp_path, ["emotion,image", "0,1"])
    with pytest.raises(ValueError, match="must name each of the columns"):
        read(tmp_path, [""])


def test_a_file_without_training_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no valid row with .* Training"):
        read(tmp_path, [HEADER, GOOD[3]])


def test_a_file_of_bytes_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="a.csv: not a csv file"):
        read_fer2013(path, (48, 48, 1), Problems())
