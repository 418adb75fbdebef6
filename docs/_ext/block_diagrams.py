"""Draws diagrams of blocks, ```` ```{block-diagram} se ````, and of the rooms.

They are drawn when the site is built and are inline, so that they have the
colours of the page in light and dark mode. `diagrams/__init__.py` explains how
to describe a block, `diagrams/rooms.py` how to describe the rooms.
"""

import pathlib

import diagrams
from diagrams import rooms
from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

WEIGHTS = "Boxes with a bar have weights. "
LEGEND = "*h × w* positions, *c* channels"
SOURCES = sorted(pathlib.Path(diagrams.__file__).parent.glob("*.py"))


def setup(app):
    """Registers the directives."""
    app.add_directive("block-diagram", BlockDiagram)
    app.add_directive("rooms", Rooms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Picture(SphinxDirective):
    """A diagram, with a text for formats that cannot show it."""

    required_arguments = 1
    has_content = True

    def described(self, read):
        """Returns the description, parsed by `read`."""
        for path in SOURCES:
            self.env.note_dependency(str(path))
        try:
            return read("\n".join(self.content))
        except ValueError as error:
            raise SphinxError(f"{self.get_location()}: {error}") from error

    def figure(self, drawing, words):
        """Returns a diagram as an element of the page."""
        figure = nodes.container("", classes=["block-diagram"])
        figure += nodes.raw("", drawing, format="html")
        figure += nodes.raw("", words, format="text")
        return figure


class BlockDiagram(Picture):
    """The diagram of one block, and a legend of its symbols."""

    def run(self):
        picture = self.described(diagrams.read)
        drawing = diagrams.draw(picture, self.arguments[0])
        letters = f"; {picture.letters}" if picture.letters else ""
        holds = any(part.holds for part in picture.parts.values())
        legend = f"{WEIGHTS if holds else ''}{LEGEND}{letters}."
        told, _ = self.parse_inline(legend)
        figure = self.figure(drawing, picture.words)
        figure += nodes.paragraph("", "", *told, classes=["block-letters"])
        return [figure]


class Rooms(Picture):
    """The diagram of the package's rooms; its argument is its title."""

    final_argument_whitespace = True

    def run(self):
        found = self.described(rooms.read)
        words = self.arguments[0]
        told = f"{words}: {rooms.steps(found)}."
        return [self.figure(rooms.draw(found, words), told)]
