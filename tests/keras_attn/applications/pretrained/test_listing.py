import dataclasses

import pytest

from keras_attn.applications import pretrained

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("tables")]


def found(*args, **kwargs):
    return [
        entry.name.partition("/")[2] for entry in pretrained(*args, **kwargs)
    ]


def test_lists_what_can_be_loaded():
    listed = found()
    assert listed[:2] == ["vit_tiny.in1k", "vit_tiny.in21k"]
    assert listed[-1] == "ViT_T_8_Weights.IMAGENET1K_V1"
    assert "vit_strange.in1k" not in listed
    assert "vit_strange.in1k" in found(missing=True)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("FAST", ["vit_fast.shared", "vit_fast.squashed"]),
        ("timm/*.in?k", ["vit_tiny.in1k"]),
        ("*.in[12]*k", ["vit_tiny.in1k", "vit_tiny.in21k"]),
        ("in?k", []),
        ("strange", []),
    ],
)
def test_a_pattern_is_a_part_or_matches_the_whole(pattern, expected):
    assert found(pattern) == expected


def test_a_pattern_of_another_type():
    with pytest.raises(ValueError, match="part of a name.*Received: pattern=3"):
        pretrained(3)


def test_entries_hold_the_facts():
    entry = pretrained("tiny.nc")[0]
    assert dataclasses.is_dataclass(entry)
    assert (entry.function, entry.classes, entry.size) == ("ViT", 10, (16, 16))
    assert (entry.parameters, entry.license) == (2418, "cc-by-nc-4.0")
    assert entry.is_non_commercial and not pretrained("tiny.in1k")[0].hub == ""


def test_the_text_is_a_table():
    lines = str(pretrained("strange", missing=True)[:1]).splitlines()
    columns = "name function classes size parameters licence missing"
    assert lines[0].split() == columns.split()
    assert lines[1].startswith("timm/vit_strange.in1k  -         10       16 x")
    assert lines[1].endswith("apache-2.0  relative positions")
    assert str(pretrained("nothing")) == repr(pretrained("nothing"))
    assert pretrained("fast") == pretrained("fast") != pretrained("tiny")
