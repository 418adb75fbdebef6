"""The diagram of the rooms, and the imports that it allows."""

import xml.etree.ElementTree as ElementTree

import pytest

from tests.source import (
    CODE,
    GROUND,
    MAY_IMPORT,
    ROOMS,
    WORDS,
    imports,
    relative,
)

rooms = pytest.importorskip("diagrams.rooms", reason="the site is not here")

PICTURE = rooms.read(ROOMS)


def test_shows_the_allowed_imports():
    found = {name: {*room.imports} for name, room in PICTURE.items()}
    assert found == {**MAY_IMPORT, **{name: set() for name in GROUND}}
    assert rooms.arrows(PICTURE).keys() == {
        (room, name) for room, names in MAY_IMPORT.items() for name in names
    }


def test_each_arrow_is_an_import():
    taken = {
        (relative(path).split("/")[1], name.split(".")[1])
        for path in CODE
        for name, _ in imports(path.read_text())
        if name.startswith("keras_attn.")
    }
    assert rooms.arrows(PICTURE).keys() <= taken


def test_is_xml_with_a_description():
    text = rooms.draw(PICTURE, WORDS).replace(" xmlns=", " ns=")
    svg = ElementTree.fromstring(text)
    assert svg.attrib["role"] == "img"
    told = {e.attrib["id"]: e.text for e in svg if "id" in e.attrib}
    assert list(told) == svg.attrib["aria-labelledby"].split()
    title, steps = told.values()
    assert title == WORDS
    assert "layers imports ops, backend; " in steps
    assert "weights imports nothing; " in steps
    assert steps.endswith("; all import checks, extras")
    written = ["".join(each.itertext()) for each in svg.iter("text")]
    assert written == list(PICTURE)


def test_parts_do_not_overlap():
    for room in PICTURE.values():
        assert 0 < room.left < room.right < 340
        for other in PICTURE.values():
            beside = room.right < other.left or other.right < room.left
            assert room is other or beside or room.floor != other.floor


def test_an_arrow_goes_from_box_to_box_and_through_none():
    for (start, end), ((x0, y0), (x1, y1)) in rooms.arrows(PICTURE).items():
        assert x0 == x1 and y0 < y1
        for name, room in PICTURE.items():
            over = room.left <= x0 <= room.right
            between = PICTURE[start].floor < room.floor < PICTURE[end].floor
            assert over if name in (start, end) else not (over and between)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1-3 b", "'b', imported by 'a'"),
        ("a 1-3\n\nb 1-3 a", "below it. Received: 'a', imported by 'b'"),
        ("a 1-3 b\nb 4-6", "below it. Received: 'b', imported by 'a'"),
        ("a 1", "A line must have.*'a 1'"),
        ("", "A line must have"),
    ],
)
def test_an_invalid_description_is_an_error(text, message):
    with pytest.raises(ValueError, match=message):
        rooms.read(text)


@pytest.mark.parametrize("last", ["b 4-6", "c 1-3\n\nb 1-3"])
def test_an_arrow_without_a_place_is_an_error(last):
    with pytest.raises(ValueError, match="columns.*Received: 'a' and 'b'"):
        rooms.arrows(rooms.read(f"a 1-3 b\n\n{last}"))
