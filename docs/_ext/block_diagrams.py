"""A picture of a block: ```` ```{block-diagram} se ```` and its description.

It is drawn at build, inline, so that it has the colours of the page in light
and in dark. `diagrams/__init__.py` says how it is described.
"""

import pathlib

import diagrams
from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

WEIGHTS = "Boxes with a bar hold weights. "
LEGEND = "*h × w* positions, *c* channels"
SOURCES = sorted(pathlib.Path(diagrams.__file__).parent.glob("*.py"))


def setup(app):
    """Registers the directive."""
    app.add_directive("block-diagram", BlockDiagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class BlockDiagram(SphinxDirective):
    """The picture of one block, and what its letters stand for."""

    required_arguments = 1
    has_content = True

    def run(self):
        for path in SOURCES:
            self.env.note_dependency(str(path))
        name = self.arguments[0]
        try:
            picture = diagrams.read("\n".join(self.content))
        except ValueError as error:
            raise SphinxError(f"{self.get_location()}: {error}") from error
        drawing = nodes.raw("", diagrams.draw(picture, name), format="html")
        letters = f"; {picture.letters}" if picture.letters else ""
        holds = any(part.holds for part in picture.parts.values())
        legend = f"{WEIGHTS if holds else ''}{LEGEND}{letters}."
        told, _ = self.parse_inline(legend)
        figure = nodes.container("", classes=["block-diagram"])
        figure += drawing
        # What formats without pictures show.
        figure += nodes.raw("", picture.words, format="text")
        figure += nodes.paragraph("", "", *told, classes=["block-letters"])
        return [figure]
