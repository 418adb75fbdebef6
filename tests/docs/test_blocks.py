"""The catalogue of blocks: pages and pictures."""

import importlib
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import pytest

from keras_attn import layers

pytestmark = pytest.mark.once

diagrams = pytest.importorskip("diagrams", reason="the site is not here")
draw = pytest.importorskip("diagrams.draw")

PAGES = pathlib.Path(__file__).parents[2] / "docs" / "layers"
MAP = (None, 8, 8, 32)
# What is built to be compared with a picture, and of which shapes.
BUILT = {
    **{
        name: (layers.get, {"identifier": name}, MAP) for name in layers.names()
    },
    "attention_to_scale": (layers.AttentionToScale, {}, [MAP, MAP]),
    "context_encoding": (layers.ContextEncoding, {"num_classes": 3}, MAP),
    "encoding": (layers.Encoding, {}, MAP),
    "gsop_position": (layers.GSoP, {"mode": "position", "grid": 2}, MAP),
    "multi_head_self_attention": (
        layers.MultiHeadSelfAttention,
        {"num_heads": 4},
        (None, 5, 32),
    ),
}
# What has no weights: there is nothing to hold.
WITHOUT = {
    "bilinear_resizing",
    "covariance_pooling",
    "local_response_normalization",
    "switches",
}
# Operations and matrices of equations, and how their boxes begin.
WORDS = re.compile(
    r"relu|sigmoid|batch_norm|BN|mean|sqrt|cov(?=\()|Encoding|conv1x1"
    r"|\b[PRUVW][12]?(?= \w|\[)"
)
SHOWN = {
    "BN": "batch normalisation",
    "Encoding": "encoding",
    "R": "four sums a row r",
    "batch_norm": "batch normalisation",
    "conv1x1": "convolution 1 × 1",
    "cov": "covariance",
    "mean": "mean",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "sqrt": "root",
}
every_picture = pytest.mark.parametrize("name", sorted(diagrams.PICTURES))


def texts(name):
    """Returns what is written in a picture."""
    svg = ElementTree.fromstring(
        draw.draw(diagrams.picture(name), name).replace(" xmlns=", " ns=")
    )
    return svg, ["".join(text.itertext()) for text in svg.iter("text")]


class TestPages:
    @pytest.mark.parametrize("name", layers.names())
    def test_each_block_has_a_page_with_picture_and_facts(self, name):
        text = (PAGES / f"{name}.md").read_text()
        for directive in ("block-diagram", "block-facts"):
            assert f"```{{{directive}}} {name}\n```" in text
        assert f"keras_attn.layers.{type(layers.get(name)).__name__}`" in text
        assert f"]({name}.md)" in (PAGES / "index.md").read_text()

    def test_directives_name_what_there_is(self):
        pytest.importorskip("sphinx", reason="only the docs extra brings it")
        facts = importlib.import_module("block_facts")
        known = {
            "diagram": set(diagrams.PICTURES),
            "facts": {*layers.names(), *facts.OTHERS},
        }
        used = {kind: set() for kind in known}
        for page in PAGES.glob("*.md"):
            pattern = r"(?m)^```\{block-(\w+)\} (\w+)$"
            for kind, name in re.findall(pattern, page.read_text()):
                used[kind].add(name)
        assert used == known

    def test_each_page_is_in_the_tree(self):
        text = (PAGES / "index.md").read_text()
        tree = re.search(r"(?s)```\{toctree\}\n:hidden:\n\n(.*?)\n```", text)
        pages = {page.stem for page in PAGES.glob("*.md")} - {"index"}
        assert sorted(tree[1].split("\n")) == sorted(pages)


class TestPictures:
    @every_picture
    def test_is_xml_that_says_what_it_shows(self, name):
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
        parts = diagrams.picture(name).parts.values()
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

    def test_only_what_learns_nothing_shows_no_weights(self):
        empty = {
            name
            for name, picture in diagrams.PICTURES.items()
            if not any(p.kind == "weights" for p in picture.parts.values())
        }
        assert empty == WITHOUT == set(diagrams.PICTURES) - set(BUILT)

    @every_picture
    def test_all_flows_down_from_the_input_to_the_output(self, name):
        picture = diagrams.picture(name)
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

    @pytest.mark.parametrize(
        "name",
        [
            "bilinear_attention",
            "context_encoding",
            "fca",
            "gsop",
            "se",
            "soca",
            "srm",
        ],
    )
    def test_the_order_is_that_of_the_equation(self, name):
        parts = diagrams.picture(name).parts.values()
        shown = [plain(p) for p in sorted(parts, key=lambda p: (p.row, p.x))]
        # From the inside out, of one equation after another.
        text = type(layers.get(name)).__doc__.partition("Reference:")[0]
        spans = re.findall(r"`([\w\[\], ]+ = [^`]+)`", text)
        found = [word for span in spans for word in WORDS.findall(span)[::-1]]
        assert len(found) > 2
        rest = iter(shown)
        for word in found:
            start = SHOWN.get(word, f"linear {word.lower()}")
            assert any(box.startswith(start) for box in rest), word

    @every_picture
    def test_a_circle_joins_two(self, name):
        picture = diagrams.picture(name)
        for part in picture.parts:
            if picture.parts[part].kind == "join":
                into = [
                    label for _, end, label in picture.arrows if end == part
                ]
                assert len(into) == 2 or into == ["c, twice"], part

    @every_picture
    def test_nothing_lies_on_something_else(self, name):
        parts = diagrams.picture(name).parts
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
        picture = diagrams.picture(name)
        for start, end, _ in picture.arrows:
            points = draw.route(picture.parts[start], picture.parts[end])
            for key in picture.parts.keys() - {start, end}:
                left, top, right, bottom = edges(picture.parts[key])
                for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
                    beside = max(x0, x1) < left or min(x0, x1) > right
                    above = max(y0, y1) < top or min(y0, y1) > bottom
                    assert beside or above, (start, end, key)

    def test_what_is_not_there_is_an_error(self):
        with pytest.raises(ValueError, match="Received: 'gone'"):
            diagrams.picture("gone")

    def test_a_flow_to_nowhere_is_an_error(self):
        from diagrams.parts import Picture, image

        picture = Picture("words", "", {"x": image()}, ("x > gone",))
        with pytest.raises(ValueError, match="Received: 'x > gone'"):
            draw.draw(picture, "broken")


def plain(part):
    """Returns what is written in a part, as one line without marks."""
    text = " ".join(part.lines).replace("*", "").lower()
    return text.translate(str.maketrans("₁₂", "12"))


def edges(part):
    """Returns left, top, right and bottom."""
    x, y, wide, high = draw.box(part)
    return x - wide, y - high, x + wide, y + high
