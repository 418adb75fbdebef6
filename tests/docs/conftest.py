"""Puts the extensions of the site on the path, as they are not a package."""

import pathlib
import sys

DOCS = pathlib.Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
