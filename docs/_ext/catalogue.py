"""Lists of layers, from the front matter of their pages and from the package.

```` ```{layer-table} blocks ```` has what has a name in `layers.names()`, and
`others` what has none. The reference, `api/layers.md`, is written before each
build.
"""

import inspect
import pathlib

import yaml
from sphinx.util.docutils import SphinxDirective

from keras_attn import layers

DOCS = pathlib.Path(__file__).parent.parent
PAGES = DOCS / "layers"
HEADS = {
    "blocks": "| block | what gates what | proven against |",
    "others": "| layer | what it does | proven against |",
}
# The rooms of `keras_attn.layers`, as the reference calls them.
ROOMS = {
    "blocks": "Attention blocks, by name",
    "layers": "Scales, tokens and poolings",
    "historic": "ZF-Net's",
}


def setup(app):
    """Registers the directive, and writes the reference."""
    app.add_directive("layer-table", LayerTable)
    app.connect("config-inited", lambda *_: write_reference())
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class LayerTable(SphinxDirective):
    """A row for each layer, with a link to its page."""

    required_arguments = 1

    def run(self):
        for path in PAGES.glob("*.md"):
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(table(self.arguments[0]))


def front_matter(path):
    """Returns what stands before the text of a page."""
    return yaml.safe_load(path.read_text().split("---\n")[1])


def described():
    """Returns what the pages say of each layer, and where, by class names."""
    return {
        name: {"page": path.name, **found}
        for path in sorted(PAGES.glob("*.md"))
        for name, found in front_matter(path).get("layers", {}).items()
    }


def public():
    """Returns the public classes of layers by their names."""
    return dict(inspect.getmembers(layers, inspect.isclass))


def table(kind):
    """Returns the table of blocks or of others, in Markdown."""
    named = {type(layers.get(name)).__name__ for name in layers.names()}
    lines = [HEADS[kind], "|---|---|---|"]
    for name, row in sorted(described().items()):
        if (name in named) == (kind == "blocks"):
            at = f"#{row['at']}" if "at" in row else ""
            link = f"[{name}]({row['page']}{at})"
            lines.append(f"| {link} | {row['does']} | {row['proven']} |")
    return "\n".join(lines)


def reference():
    """Returns the page of the reference that lists all layers."""
    sections = [
        "# keras_attn.layers\n\nWhat each block computes, with pictures and "
        "costs, is in the {doc}`catalogue </layers/index>`."
    ]
    for room, title in ROOMS.items():
        names = [
            name
            for name, cls in public().items()
            if cls.__module__.split(".")[-2] == room
        ]
        if room == "blocks":
            names = ["get", "names", *names]
        listed = "\n".join(f"   {name}" for name in names)
        sections.append(
            f"## {title}\n\n```{{eval-rst}}\n"
            ".. currentmodule:: keras_attn.layers\n\n"
            f".. autosummary::\n   :toctree: generated\n\n{listed}\n```"
        )
    return "\n\n".join(sections) + "\n"


def write_reference():
    """Writes that page where it has changed."""
    path = DOCS / "api" / "layers.md"
    if not path.exists() or path.read_text() != reference():
        path.write_text(reference())
