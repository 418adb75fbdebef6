"""Lists of layers, from the front matter of their pages and from the package.

```` ```{layer-table} blocks ```` lists the layers in `layers.names()`, `others`
the remaining ones, and `costs` what the blocks cost in a ResNet-50. The API
reference, `api/layers.md`, is written before each build.

The README has a table of blocks too:

    PYTHONPATH=. python docs/_ext/catalogue.py --readme
"""

import argparse
import inspect
import pathlib

import yaml
from records import CATALOGUE, MODES, costs, slowdowns
from records import table as markdown
from sphinx.util.docutils import SphinxDirective

from keras_attn import layers

DOCS = pathlib.Path(__file__).parent.parent
PAGES = DOCS / "layers"
README = DOCS.parent / "README.md"
MARKS = ("<!-- blocks -->", "<!-- /blocks -->")
HEADS = {
    "blocks": ["Block", "What it does", "Verified against"],
    # Two columns, because names are long and phones narrow.
    "others": ["Layer", "What it does (verified against)"],
    "costs": ["Block", "Parameters", "Training", "Inference"],
}
# The rooms of `keras_attn.layers`, and their headings in the reference.
ROOMS = {
    "blocks": "Attention blocks, by name",
    "layers": "Scales, tokens and poolings",
    "historic": "Layers of ZF-Net",
}


def setup(app):
    """Registers the directive, and writes the reference."""
    app.add_directive("layer-table", LayerTable)
    app.connect("config-inited", lambda *_: write_reference())
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class LayerTable(SphinxDirective):
    """A table with a row for each layer, linked to its page."""

    required_arguments = 1

    def run(self):
        for path in PAGES.glob("*.md"):
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(table(self.arguments[0]))


def front_matter(path):
    """Returns the front matter of a page."""
    return yaml.safe_load(path.read_text().split("---\n")[1])


def described():
    """Returns the description and the page of each layer, by class name."""
    return {
        name: {"page": path.name, **found}
        for path in sorted(PAGES.glob("*.md"))
        for name, found in front_matter(path).get("layers", {}).items()
    }


def public():
    """Returns the public layer classes by name."""
    return dict(inspect.getmembers(layers, inspect.isclass))


def blocks():
    """Returns a dict for each block, those with fewest parameters first.

    It has the block's `name`, `page` and `does`, its `parameters` in a
    ResNet-50, the range of its slowdown factors in `training` and `inference`,
    and `slowdowns`, those of training by backend.
    """
    recorded = costs(CATALOGUE.read_text())["rows"]
    found, pages = [], described()
    for identifier in layers.names():
        name = type(layers.get(identifier)).__name__
        row = recorded.get(identifier, {})
        count = row.get("parameters", "").replace(",", "")
        times = slowdowns(row)
        modes = {mode: span(times.get(mode, {}).values()) for mode in MODES}
        found.append(
            {
                **pages[name],
                "name": name,
                "count": int(count) if count else float("inf"),
                "parameters": short(int(count)) if count else "",
                **modes,
                "slowdowns": [*times.get("training", {}).values()],
            }
        )
    return sorted(found, key=lambda block: block["count"])


def short(count):
    """Returns a number with at most one decimal: `60 k` or `2.5 M`."""
    if count < 1000:
        return str(count)
    if count < 1e6:
        return f"{count / 1e3:.0f} k"
    return f"{count / 1e6:.1f} M"


def span(values):
    """Returns the range of numbers that are given as strings."""
    ends = sorted(values, key=float)
    return "–".join(dict.fromkeys(ends[:1] + ends[-1:]))


def table(kind):
    """Returns the table of blocks, of others or of costs, in Markdown."""
    if kind == "costs":
        rows = [
            [_link(block["name"], block), block["parameters"]]
            + [block[mode] for mode in MODES]
            for block in blocks()
        ]
        return markdown([HEADS[kind], *rows])
    named = {block["name"] for block in blocks()}
    rows = []
    for name, row in sorted(described().items()):
        cells = [_link(name, row), row["does"], row["verified"]]
        if kind == "blocks" and name in named:
            rows.append(cells)
        elif kind == "others" and name not in named:
            rows.append([cells[0], f"{cells[1]} ({cells[2]})"])
    return markdown([HEADS[kind], *rows])


def _link(name, row, folder=""):
    at = f"#{row['at']}" if "at" in row else ""
    return f"[{name}]({folder}{row['page']}{at})"


def readme_table():
    """Returns the table of blocks in the README, in Markdown.

    The slowdown factors are those of training, by backend.
    """
    rows = [
        [
            _link(block["name"], block, "docs/layers/"),
            block["does"],
            block["parameters"],
            " / ".join(block["slowdowns"]),
        ]
        for block in blocks()
    ]
    head = ["Block", "What it does", "Parameters", "Slowdown"]
    return markdown([head, *rows])


def write_readme():
    """Writes the table of blocks between the marks in the README.

    Raises:
        ValueError: If the README does not have both marks once.
    """
    text = README.read_text()
    if [text.count(mark) for mark in MARKS] != [1, 1]:
        raise ValueError(
            f"The README must have {MARKS[0]} and {MARKS[1]} once. "
            "Received: a README without them."
        )
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    written = f"{MARKS[0]}\n{readme_table()}\n{MARKS[1]}"
    README.write_text(before + written + after)


def reference():
    """Returns the page of the API reference that lists all layers."""
    sections = [
        "# keras_attn.layers\n\nThe {doc}`catalogue </layers/index>` shows "
        "what each block computes, with diagrams and costs."
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
    """Writes that page if it has changed."""
    path = DOCS / "api" / "layers.md"
    if not path.exists() or path.read_text() != reference():
        path.write_text(reference())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--readme", action="store_true", help="write the table in README.md"
    )
    write_readme() if parser.parse_args().readme else parser.print_help()
