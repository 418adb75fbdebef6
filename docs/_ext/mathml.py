"""Equations as MathML, which browsers draw by themselves."""

from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import SphinxError


def setup(app):
    """Registers the renderer, for `html_math_renderer = "mathml"`."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(_inline, None),
        block_renderers=(_block, None),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator, node):
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(translator, node):
    # A long equation scrolls by itself on a narrow screen.
    translator.body.append(
        f'<div class="equation">{mathml(node.astext(), "block")}</div>'
    )
    raise nodes.SkipNode


def mathml(source, display):
    """Returns an equation in TeX as MathML.

    Raises:
        SphinxError: If it is no TeX, or uses a command that is not known.
    """
    try:
        converted = convert(source, display=display)
        ElementTree.fromstring(converted)
    except Exception as error:
        raise SphinxError(f"No equation: {source}: {error!r}") from error
    # What the converter does not know, it shows as it is.
    if "\\" in converted:
        raise SphinxError(f"A command of TeX that is not known: {source}")
    return converted
