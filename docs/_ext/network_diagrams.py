"""Draws networks: ```` ```{network-diagram} ResNet50 ````.

```` ```{scales-diagram} DeepLabASC ```` draws the scales of a network side by
side. Both build the model and read its graph, so a diagram changes with its
model. `diagrams/network.py` explains how a page chooses arguments and stages.
"""

import pathlib

from block_diagrams import Picture
from diagrams import column, scales
from docutils import nodes

from keras_attn import applications

LEGEND = (
    "Drawn from the Keras graph. Shapes omit the batch; attention is shaded."
)
MODELS = sorted(pathlib.Path(applications.__file__).parent.rglob("*.py"))


def setup(app):
    """Registers the directives."""
    app.add_directive("network-diagram", NetworkDiagram)
    app.add_directive("scales-diagram", ScalesDiagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class NetworkDiagram(Picture):
    """The stages of a network; its argument is the function that builds it."""

    drawing = staticmethod(column.drawing)

    def run(self):
        function = self.arguments[0]
        for path in MODELS:
            self.env.note_dependency(str(path))
        drawing, words = self.described(
            lambda text: self.drawing(function, text)
        )
        figure = self.figure(drawing, words)
        legend = nodes.Text(LEGEND)
        figure += nodes.paragraph("", "", legend, classes=["block-letters"])
        return [figure]


class ScalesDiagram(NetworkDiagram):
    """The scales of a network, side by side."""

    drawing = staticmethod(scales.drawing)
