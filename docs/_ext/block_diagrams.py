"""Pictures of a block, of the rooms, and of a network.

```` ```{block-diagram} se ````, ```` ```{rooms} Rooms of the package ````,
```` ```{network-diagram} ResNet50 ```` and
```` ```{scales-diagram} DeepLabASC ```` are drawn at build, inline, so that they
have the colours of the page in light and in dark. `diagrams/__init__.py` says how a block is described,
`diagrams/rooms.py` how the rooms are, and `diagrams/network.py` how a network
is chosen.
"""

import pathlib

import diagrams
from diagrams import column, rooms, scales
from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from keras_attn import applications

WEIGHTS = "Boxes with a bar hold weights. "
LEGEND = "*h × w* positions, *c* channels"
NETWORK_LEGEND = (
    "Drawn from the Keras graph. Shapes omit the batch; attention is shaded."
)
SOURCES = sorted(pathlib.Path(diagrams.__file__).parent.glob("*.py"))
NETWORKS = sorted(pathlib.Path(applications.__file__).parent.rglob("*.py"))


def setup(app):
    """Registers the directives."""
    app.add_directive("block-diagram", BlockDiagram)
    app.add_directive("network-diagram", NetworkDiagram)
    app.add_directive("rooms", Rooms)
    app.add_directive("scales-diagram", ScalesDiagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Picture(SphinxDirective):
    """What is drawn of a description, and what formats without it show."""

    required_arguments = 1
    has_content = True

    def described(self, read):
        """Returns what `read` makes of the description."""
        for path in SOURCES:
            self.env.note_dependency(str(path))
        try:
            return read("\n".join(self.content))
        except ValueError as error:
            raise SphinxError(f"{self.get_location()}: {error}") from error

    def figure(self, drawing, words):
        """Returns it as an element of the page."""
        figure = nodes.container("", classes=["block-diagram"])
        figure += nodes.raw("", drawing, format="html")
        figure += nodes.raw("", words, format="text")
        return figure

    def legend(self, text):
        """Returns a paragraph on what a picture shows."""
        told, _ = self.parse_inline(text)
        return nodes.paragraph("", "", *told, classes=["block-letters"])


class BlockDiagram(Picture):
    """The picture of one block, and what its letters stand for."""

    def run(self):
        picture = self.described(diagrams.read)
        drawing = diagrams.draw(picture, self.arguments[0])
        letters = f"; {picture.letters}" if picture.letters else ""
        holds = any(part.holds for part in picture.parts.values())
        figure = self.figure(drawing, picture.words)
        figure += self.legend(f"{WEIGHTS if holds else ''}{LEGEND}{letters}.")
        return [figure]


class NetworkDiagram(Picture):
    """The stages of a network; its argument is the function that builds it."""

    drawing = staticmethod(column.drawing)

    def run(self):
        function = self.arguments[0]
        for path in NETWORKS:
            self.env.note_dependency(str(path))
        drawing, words = self.described(
            lambda text: self.drawing(function, text)
        )
        figure = self.figure(drawing, words)
        figure += self.legend(NETWORK_LEGEND)
        return [figure]


class ScalesDiagram(NetworkDiagram):
    """The scales of a network, side by side."""

    drawing = staticmethod(scales.drawing)


class Rooms(Picture):
    """The rooms of the package; its argument says what it shows."""

    final_argument_whitespace = True

    def run(self):
        found = self.described(rooms.read)
        words = self.arguments[0]
        told = f"{words}: {rooms.steps(found)}."
        return [self.figure(rooms.draw(found, words), told)]
