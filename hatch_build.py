"""Makes the links of README.md absolute for the package index.

In a clone, and on the page of the repository, they are relative. The package
index shows the same text as the long description, where such links break.
"""

import pathlib
import re

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = re.compile(r"((!?)\[[^\]]*\])\((?!https?:|#)([^)\s]+)\)")


def absolute(text, repository):
    """Returns Markdown whose relative links point into a repository."""

    def link(match):
        label, image, path = match.groups()
        kind = "raw" if image else "blob"
        return f"{label}({repository}/{kind}/main/{path})"

    return RELATIVE.sub(link, text)


class LongDescription(MetadataHookInterface):
    """Sets the long description of the package."""

    def update(self, metadata):
        text = pathlib.Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, metadata["urls"]["Repository"]),
        }
