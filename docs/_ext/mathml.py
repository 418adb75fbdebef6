"""Renders equations as MathML, which browsers display without a script."""

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
    # On a narrow screen, a long equation scrolls in its own box.
    translator.body.append(
        f'<div class="equation">{mathml(node.astext(), "block")}</div>'
    )
    raise nodes.SkipNode


def mathml(source, display):
    """Returns an equation in LaTeX as MathML.

    Raises:
        SphinxError: If it is not valid LaTeX, or uses an unknown command.
    """
    try:
        converted = convert(source, display=display)
        ElementTree.fromstring(converted)
    except Exception as error:
        raise SphinxError(
            f"An equation must be valid LaTeX. Received: {source} ({error!r})"
        ) from error
    # The converter copies unknown commands to its output.
    if "\\" in converted:
        raise SphinxError(
            f"An equation must only use known commands. Received: {source}"
        )
    return converted
