"""The drawings of networks, which come from their graphs."""

import pathlib
import re
import xml.etree.ElementTree as ElementTree

import keras
import pytest

from keras_attn import applications
from tests.docs.test_pages import examples

column = pytest.importorskip("diagrams.column", reason="the site is not here")
network = pytest.importorskip("diagrams.network")
scales = pytest.importorskip("diagrams.scales")

PAGES = pathlib.Path(__file__).parents[2] / "docs" / "applications"
DIRECTIVE = re.compile(r"(?ms)^```\{network-diagram\} (\w+)\n(.*?)^```$")
# By hand: the name of each box, how often its lines repeat, and its output.
EXPECTED = {
    "fernet": [
        ("stage1", 1, (24, 24, 32)),
        ("stage2", 1, (12, 12, 64)),
        ("stage3", 1, (6, 6, 128)),
        ("stage4", 1, (3, 3, 256)),
        ("predictions", 1, (7,)),
    ],
    "resnet": [
        ("stem", 1, (56, 56, 64)),
        ("stage1", 3, (56, 56, 256)),
        ("stage2", 4, (28, 28, 512)),
        ("stage3", 6, (14, 14, 1024)),
        ("stage4", 3, (7, 7, 2048)),
        ("predictions", 1, (1000,)),
    ],
    "vit": [
        ("position_embedding", 1, (197, 384)),
        ("block1 to block12", 12, (197, 384)),
        ("predictions", 1, (1000,)),
    ],
    "deeplab": [
        ("stage1", 1, (161, 161, 64)),
        ("stage2", 1, (81, 81, 128)),
        ("stage3", 1, (41, 41, 256)),
        ("stage4", 1, (41, 41, 512)),
        ("stage5", 1, (41, 41, 512)),
        ("fc7", 1, (41, 41, 1024)),
        ("predictions", 1, (41, 41, 21)),
    ],
    "zfnet": [
        ("stage1", 1, (55, 55, 96)),
        ("stage2", 1, (13, 13, 256)),
        ("stage3 to stage4", 2, (13, 13, 384)),
        ("stage5", 1, (6, 6, 256)),
        ("fc7", 1, (4096,)),
        ("predictions", 1, (1000,)),
    ],
}


def texts(svg):
    """Returns an `<svg>` element, and what is written in it."""
    root = ElementTree.fromstring(svg.replace(" xmlns=", " ns="))
    return root, ["".join(each.itertext()) for each in root.iter("text")]


def lines(model, ends=()):
    """Returns what is written in each box, by its title."""
    return {
        box.title: [each.text for each in box.lines]
        for box in network.stages(model, ends)
    }


@pytest.fixture(scope="module", params=EXPECTED)
def drawn(request):
    """What the page of a network draws: its name, the boxes, and the SVG."""
    page = (PAGES / f"{request.param}.md").read_text()
    ((function, text),) = DIRECTIVE.findall(page)
    model, ends = network.read(function, text)
    boxes = network.stages(model, ends)
    return request.param, boxes, column.draw(boxes, model, function)


def test_each_page_draws_its_network_as_it_is(drawn):
    page, boxes, drawing = drawn
    found = [(box.title, box.count, box.shape) for box in boxes]
    assert found == EXPECTED[page]
    svg, written = texts(drawing)
    assert svg.attrib["role"] == "img"
    told = [each.text for each in svg if "id" in each.attrib]
    assert all(len(each) > 40 for each in told)
    assert written[-1] == "output, " + network.size(EXPECTED[page][-1][-1])
    for box in boxes:
        assert box.title in written
        assert {each.text for each in box.lines} <= {*written}


def test_each_page_of_a_network_has_a_drawing():
    pages = {path.stem for path in PAGES.glob("*.md")} - {"index"}
    assert pages == EXPECTED.keys()


def test_says_what_a_stage_is_made_of():
    found = lines(applications.FERNet())
    assert found["stage2"] == [
        "2 × Conv 3 × 3, 64 + BN + ReLU",
        "MaxPool 2 × 2",
        "FeatureAct",
    ]
    assert found["predictions"][-1] == "Dense, 7 + BN + softmax"


def test_a_shortcut_is_told_from_the_branch():
    found = lines(applications.ResNet50(attention="se"))
    for stage, filters in enumerate((64, 128, 256, 512), start=1):
        assert found[f"stage{stage}"] == [
            f"Conv 1 × 1, {filters} + BN + ReLU",
            f"Conv 3 × 3, {filters} + BN + ReLU",
            f"Conv 1 × 1, {4 * filters} + BN",
            "SE",
            "sum + ReLU",
            f"shortcut in block 1: Conv 1 × 1, {4 * filters} + BN",
        ]


def test_another_model_has_another_drawing():
    def drawn(**kwargs):
        model = applications.ResNetCIFAR(depth=8, **kwargs)
        return column.draw(network.stages(model), model, "resnet")

    plain, attends = drawn(), drawn(attention="eca")
    shaded = "fill-opacity"
    assert (plain.count(shaded), attends.count(shaded)) == (0, 3)
    assert "ECA" in attends and "ECA" not in plain
    assert "shortcut: Conv 1 × 1, 64, stride 2 + BN" in texts(plain)[1]


def test_blocks_that_differ_are_boxes_of_their_own():
    model = applications.ResNetCIFAR(
        depth=14, attention="eca", placement="last"
    )
    assert list(lines(model))[1:3] == ["stage1_block1", "stage1"]


def test_says_where_strides_and_dilation_are():
    inputs = keras.Input((9, 9, 1))
    x = keras.layers.Conv2D(2, 3, strides=2)(inputs)
    x = keras.layers.Conv2D(2, 3, dilation_rate=2, padding="same")(x)
    x = keras.layers.MaxPooling2D(2, 1, name="stem")(x)
    assert lines(keras.Model(inputs, x))["stem"] == [
        "Conv 3 × 3, 2, stride 2",
        "Conv 3 × 3, 2, dilation 2",
        "MaxPool 2 × 2, stride 1",
    ]


def test_nothing_leaves_the_picture(drawn):
    svg, written = texts(drawn[2])
    assert all(len(each) <= 52 for each in written)
    low = float(svg.attrib["viewBox"].split()[3])
    boxes = [
        (float(each.attrib["y"]), float(each.attrib["height"]))
        for each in svg.iter("rect")
        if "style" not in each.attrib
    ]
    tops = [top for top, _ in boxes[1:]] + [low]
    for (top, height), below in zip(boxes, tops, strict=True):
        assert top + height < below
    assert all(0 < float(each.attrib["y"]) < low for each in svg.iter("text"))


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(ValueError, match="Received: 'ResNet51'"):
        network.read("ResNet51", "")
    with pytest.raises(ValueError, match=r"Received: \['fc9'\], which"):
        network.stages(applications.FERNet(), ["fc9"])


@pytest.fixture(scope="module")
def two_scales():
    return applications.DeepLabASC(
        input_shape=(65, 65, 3),
        classes=3,
        scales=(1, 0.5),
        filters=8,
        attention_filters=8,
        extra_supervision=True,
    )


def test_scales_have_the_sizes_of_the_paper(two_scales):
    # floor((n - 1) s) + 1 pixels, and of each n pixels ceil(n / 8) scores.
    assert scales.scales(two_scales) == [
        ("scale 1", (65, 65, 3), (9, 9, 3)),
        ("scale 0.5", (33, 33, 3), (5, 5, 3)),
    ]
    names = {layer.name for layer in two_scales.layers}
    assert {"stage1_scale_1", "fc7", "classifier", "attention"} <= names


def test_scales_are_drawn_side_by_side(two_scales):
    found = scales.scales(two_scales)
    drawing = scales.draw(
        found, two_scales, "two", "What it shows", "At length"
    )
    svg, written = texts(drawing)
    sides = {"65 × 65 × 3", "33 × 33 × 3", "9 × 9 × 3", "5 × 5 × 3"}
    assert sides <= {*written}
    assert "AttentionToScale" in written
    assert written[-1] == "output, 9 × 9 × 3"
    first, second, *_ = [
        [float(each.attrib[side]) for side in ("x", "width", "y")]
        for each in svg.iter("rect")
    ]
    assert first[0] + first[1] < second[0] and first[2] == second[2]


@pytest.mark.parametrize("page", EXPECTED)
def test_no_page_names_the_classes_of_an_untrained_network(page):
    text = (PAGES / f"{page}.md").read_text()
    assert not any("decode_predictions(" in each for each in examples(text))
