"""The picture of the rooms, and what it allows."""

import pathlib
import re
import xml.etree.ElementTree as ElementTree

import pytest

from tests.source import GROUND, MAY_IMPORT

rooms = pytest.importorskip("diagrams.rooms", reason="the site is not here")

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "architecture.md"
(PICTURE,) = re.findall(
    r"(?ms)^```\{rooms\} ([^\n]+)\n(.*?)^```$", PAGE.read_text()
)
WORDS, TEXT = PICTURE
ROOMS = rooms.read(TEXT)


def test_shows_what_the_imports_are_held_to():
    found = {name: {*room.imports} for name, room in ROOMS.items()}
    assert found == {**MAY_IMPORT, **{name: set() for name in GROUND}}
    assert rooms.arrows(ROOMS).keys() == {
        (room, name) for room, names in MAY_IMPORT.items() for name in names
    }


def test_is_xml_that_says_what_it_shows():
    text = rooms.draw(ROOMS, WORDS).replace(" xmlns=", " ns=")
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
    assert written == list(ROOMS)


def test_nothing_lies_on_something_else():
    for room in ROOMS.values():
        assert 0 < room.left < room.right < 340
        for other in ROOMS.values():
            beside = room.right < other.left or other.right < room.left
            assert room is other or beside or room.floor != other.floor


def test_an_arrow_goes_from_box_to_box_and_through_none():
    for (start, end), ((x0, y0), (x1, y1)) in rooms.arrows(ROOMS).items():
        assert x0 == x1 and y0 < y1
        for name, room in ROOMS.items():
            over = room.left <= x0 <= room.right
            between = ROOMS[start].floor < room.floor < ROOMS[end].floor
            assert over if name in (start, end) else not (over and between)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1-3 b", "'b' of 'a'"),
        ("a 1-3\n\nb 1-3 a", "below it. Received: 'a' of 'b'"),
        ("a 1-3 b\nb 4-6", "below it. Received: 'b' of 'a'"),
        ("a 1", "A line must have.*'a 1'"),
        ("", "A line must have"),
    ],
)
def test_what_is_no_house_is_an_error(text, message):
    with pytest.raises(ValueError, match=message):
        rooms.read(text)


@pytest.mark.parametrize("last", ["b 4-6", "c 1-3\n\nb 1-3"])
def test_an_arrow_without_a_place_is_an_error(last):
    with pytest.raises(ValueError, match="place.*Received: 'a' and 'b'"):
        rooms.arrows(rooms.read(f"a 1-3 b\n\n{last}"))
