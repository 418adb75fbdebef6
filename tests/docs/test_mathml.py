import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("sphinx")
mathml = pytest.importorskip("mathml")


def test_an_equation_becomes_mathml():
    found = mathml.mathml(r"\frac{a}{\sqrt{n}}", "block")
    tags = [
        e.tag.rpartition("}")[2] for e in ElementTree.fromstring(found).iter()
    ]
    assert tags[0] == "math"
    assert {"mfrac", "msqrt"} < set(tags)


@pytest.mark.parametrize(
    "source", [r"\gone{x}", r"\left( x", r"\begin{aligned}a &= b\end{aligned}"]
)
def test_latex_that_would_be_shown_as_text_is_an_error(source):
    from sphinx.errors import SphinxError

    with pytest.raises(SphinxError, match="An equation must"):
        mathml.mathml(source, "inline")
