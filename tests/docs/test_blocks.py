"""The pages of blocks and their diagrams."""

import importlib
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import pytest

from keras_attn import layers

diagrams = pytest.importorskip("diagrams", reason="the site is not here")
draw = pytest.importorskip("diagrams.draw")

PAGES = pathlib.Path(__file__).parents[2] / "docs" / "layers"
LAYERS = sorted(path for path in PAGES.glob("*.md") if path.stem != "index")
PICTURES = diagrams.pictures(PAGES)
MAP = (None, 8, 8, 32)
# The layers that diagrams are compared with, and the shapes of their inputs.
BUILT = {
    **{
        name: (layers.get, {"identifier": name}, MAP) for name in layers.names()
    },
    "attention_to_scale": (layers.AttentionToScale, {}, [MAP, MAP]),
    "context_encoding": (layers.ContextEncoding, {"num_classes": 3}, MAP),
    "encoding": (layers.Encoding, {}, MAP),
    "layer_scale": (layers.LayerScale, {}, (None, 5, 32)),
    "gsop_position": (layers.GSoP, {"mode": "position", "grid": 2}, MAP),
    "multi_head_self_attention": (
        layers.MultiHeadSelfAttention,
        {"num_heads": 4},
        (None, 5, 32),
    ),
}
# The diagrams of layers without weights.
WITHOUT = {
    "bilinear_resizing",
    "covariance_pooling",
    "local_response_normalization",
    "switches",
}
# The headings of a page, in order, and whether layers that are not blocks have
# them too.
HEADINGS = {
    "When to use it": True,
    "How it works": True,
    "Example": True,
    "Cost": True,
    "What the paper reports": False,
    "Checkpoints": False,
    "Paper and code": False,
}
# Operations and matrices in equations, and the first words of their boxes.
WORDS = re.compile(
    r"relu|sigmoid|batch_norm|BN|mean|sqrt|cov(?=\()|Encoding|conv1x1"
    r"|\b[PRUVW][12]?(?= \w|\[)"
)
SHOWN = {
    "BN": "batch normalisation",
    "Encoding": "encoding",
    "R": "four sums per row r",
    "batch_norm": "batch normalisation",
    "conv1x1": "convolution 1 × 1",
    "cov": "covariance",
    "mean": "mean",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "sqrt": "root",
}
# Equations and diagrams of these share too few words.
IN_OTHER_WORDS = {"dia", "feature_act", "gct"}
every_picture = pytest.mark.parametrize("name", sorted(PICTURES))


def texts(name):
    """Returns a diagram as XML, and its texts."""
    svg = ElementTree.fromstring(
        draw.draw(PICTURES[name], name).replace(" xmlns=", " ns=")
    )
    return svg, ["".join(text.itertext()) for text in svg.iter("text")]


class TestPages:
    @pytest.mark.parametrize("name", layers.names())
    def test_each_block_has_a_page_with_picture_and_facts(self, name):
        text = (PAGES / f"{name}.md").read_text()
        for directive in ("block-diagram", "block-facts"):
            assert f"```{{{directive}}} {name}\n" in text
        assert f"keras_attn.layers.{type(layers.get(name)).__name__}`" in text

    @pytest.mark.parametrize("path", LAYERS, ids=lambda path: path.stem)
    def test_each_page_has_the_same_headings(self, path):
        text = re.sub(r"(?ms)^```.*?^```$", "", path.read_text())
        found = re.findall(r"(?m)^## (.+)$", text)
        needed = {name for name, always in HEADINGS.items() if always}
        if path.stem in layers.names():
            needed = {*HEADINGS}
        assert found == [name for name in HEADINGS if name in found]
        assert needed <= {*found}
        # It names an alternative.
        when = text.split("## When to use it")[1].split("\n## ")[0]
        assert re.search(r"\{(doc|py:class|py:func)\}|\]\(", when)
        # A sentence on the purpose comes first.
        first = text.split("\n---\n")[1].split("\n\n")[1]
        assert re.match(r"[A-Z]", first), first

    def test_facts_are_of_existing_layers(self):
        pytest.importorskip("sphinx", reason="only the docs extra installs it")
        facts = importlib.import_module("block_facts")
        for page in PAGES.glob("*.md"):
            found = re.findall(
                r"(?m)^```\{block-facts\} (\w+)$", page.read_text()
            )
            assert all(facts.class_of(name) for name in found)

    def test_each_page_is_in_the_tree(self):
        text = (PAGES / "index.md").read_text()
        assert "```{toctree}\n:hidden:\n:glob:\n\n*\n```" in text


class TestPictures:
    @every_picture
    def test_is_xml_with_a_description(self, name):
        svg, _ = texts(name)
        assert svg.attrib["role"] == "img"
        labels = svg.attrib["aria-labelledby"].split()
        told = {e.attrib["id"]: e.text for e in svg if "id" in e.attrib}
        assert list(told) == labels
        assert all(len(text) > 40 for text in told.values())

    @pytest.mark.parametrize("name", sorted(BUILT))
    def test_shows_each_weight_of_the_layer(self, name):
        make, kwargs, shape = BUILT[name]
        layer = make(**kwargs)
        layer.build(shape)
        weights = {v.path.partition("/")[2] for v in layer.trainable_weights}
        parts = PICTURES[name].parts.values()
        held = [part for part in parts if part.kind == "weights"]
        for part in held:
            assert part.holds
            for start in part.holds:
                found = {each for each in weights if each.startswith(start)}
                assert found, start
        starts = tuple(start for part in held for start in part.holds)
        assert {
            each for each in weights if not each.startswith(starts)
        } == set()
        _, written = texts(name)
        for part in held:
            for line in part.lines:
                assert line.replace("*", "") in written

    def test_only_layers_without_weights_show_none(self):
        empty = {
            name
            for name, picture in PICTURES.items()
            if not any(p.kind == "weights" for p in picture.parts.values())
        }
        assert empty == WITHOUT == set(PICTURES) - set(BUILT)

    @every_picture
    def test_all_flows_down_from_the_input_to_the_output(self, name):
        picture = PICTURES[name]
        starts = {start for start, _, _ in picture.arrows}
        ends = {end for _, end, _ in picture.arrows}
        assert starts | ends == set(picture.parts)
        for part in picture.parts.keys() - ends:
            assert picture.parts[part].kind in draw.TENSORS, part
        for part in picture.parts.keys() - starts:
            assert picture.parts[part].kind in draw.TENSORS, part
        for start, end, _ in picture.arrows:
            rows = picture.parts[start].row, picture.parts[end].row
            beside = picture.parts[end].kind == "join" and rows[0] == rows[1]
            assert rows[0] < rows[1] or beside, (start, end)

    @pytest.mark.parametrize("name", sorted({*layers.names()} - IN_OTHER_WORDS))
    def test_the_order_is_that_of_the_equation(self, name):
        parts = PICTURES[name].parts.values()
        shown = [plain(p) for p in sorted(parts, key=lambda p: (p.row, p.x))]
        # From the inside out, one equation after another.
        text = type(layers.get(name)).__doc__.partition("Reference:")[0]
        spans = re.findall(r"`([\w\[\], ]+ = [^`]+)`", text)
        found = [word for span in spans for word in WORDS.findall(span)[::-1]]
        assert len(found) > 1
        rest = iter(shown)
        for word in found:
            start = SHOWN.get(word, f"linear {word.lower()}")
            assert any(box.startswith(start) for box in rest), word

    @every_picture
    def test_a_circle_joins_two(self, name):
        picture = PICTURES[name]
        for part in picture.parts:
            if picture.parts[part].kind == "join":
                into = [
                    label for _, end, label in picture.arrows if end == part
                ]
                assert len(into) == 2 or into == ["c, twice"], part

    @every_picture
    def test_parts_do_not_overlap(self, name):
        parts = PICTURES[name].parts
        boxes = {key: edges(part) for key, part in parts.items()}
        for key, (left, top, right, bottom) in boxes.items():
            assert 0 <= left and right <= 340 and top >= 0
            for other, box in boxes.items():
                apart = (
                    right < box[0]
                    or box[2] < left
                    or bottom < box[1]
                    or box[3] < top
                )
                assert key == other or apart, (key, other)

    @every_picture
    def test_no_arrow_crosses_a_box(self, name):
        picture = PICTURES[name]
        for start, end, _ in picture.arrows:
            points = draw.route(picture.parts[start], picture.parts[end])
            for key in picture.parts.keys() - {start, end}:
                left, top, right, bottom = edges(picture.parts[key])
                for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
                    beside = max(x0, x1) < left or min(x0, x1) > right
                    above = max(y0, y1) < top or min(y0, y1) > bottom
                    assert beside or above, (start, end, key)

    @pytest.mark.parametrize(
        ("part", "message"),
        [
            ("{image: x, at: 0}", "Received: 'x > gone'"),
            ("{cube: x, at: main 0}", "must have words, parts and flows"),
            ("{join: x}", "must have words, parts and flows.*'at'"),
            ("{join: x, at: main 0, high: 3}", "'high'"),
            ("{join: x, at: nowhere 0}", "'nowhere'"),
            ("{join: x, at: main 0", "must have words, parts and flows"),
        ],
    )
    def test_an_invalid_description_is_an_error(self, part, message):
        text = f"words: w\nparts:\n  x: {part}\nflows: |\n  x > gone\n"
        with pytest.raises(ValueError, match=message):
            diagrams.read(text)


def plain(part):
    """Returns the label of a part, on one line and without markup."""
    text = " ".join(part.lines).replace("*", "").lower()
    return text.translate(str.maketrans("₁₂", "12"))


def edges(part):
    """Returns the left, top, right and bottom edges."""
    x, y, wide, high = draw.box(part)
    return x - wide, y - high, x + wide, y + high
