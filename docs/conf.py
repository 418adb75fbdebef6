"""How Sphinx builds the site: `make docs`."""

import importlib
import os
import pathlib
import sys

# Examples run in the quickest of the three, and find the checkout as a reader
# in its folder would.
os.environ["KERAS_BACKEND"] = "jax"
HERE = pathlib.Path(__file__).parent
os.environ["PYTHONPATH"] = str(HERE.parent)
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

project = "keras_attn"
author = "the keras_attn authors"
project_copyright = f"2026, {author}"
release = importlib.import_module("keras_attn").__version__
version = release

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    *(
        n
        for n in ("block_diagrams", "block_facts")
        if (HERE / "_ext" / f"{n}.py").exists()
    ),
    "docstrings",
    "mathml",
    "references",
]
exclude_patterns = ["_ext"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Every example is run anew, and none may fail.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 180
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# Half of the arguments of a layer are Keras', which documents them.
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Call arguments", "params_style")]
napoleon_use_rtype = False

html_theme = "furo"
html_title = "keras_attn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
templates_path = ["_templates"]
