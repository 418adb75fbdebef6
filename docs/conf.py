"""Configuration of Sphinx for the site, which `make docs` builds."""

import importlib
import os
import pathlib
import sys

# Examples run on the fastest of the three backends.
os.environ["KERAS_BACKEND"] = "jax"
# Keras imports TensorFlow, if installed, which logs to the output of examples.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
HERE = pathlib.Path(__file__).parent
# Kernels of examples import the package from this checkout.
os.environ["PYTHONPATH"] = str(HERE.parent)
# Figures of matplotlib appear in the output of examples.
IPYTHON = HERE.parent / "build" / "ipython"
(IPYTHON / "profile_default").mkdir(parents=True, exist_ok=True)
(IPYTHON / "profile_default" / "ipython_kernel_config.py").write_text(
    'c.InteractiveShellApp.matplotlib = "inline"\n'
)
os.environ["IPYTHONDIR"] = str(IPYTHON)
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
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "block_diagrams",
    "block_facts",
    "catalogue",
    "docstrings",
    "mathml",
    "network_diagrams",
    "references",
]
exclude_patterns = ["_ext"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Every example runs at each build, and none may fail.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# Keras documents the arguments that layers inherit.
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Call arguments", "params_style")]
napoleon_use_rtype = False

html_theme = "furo"
# In the sidebar and the title of each page.
html_title = f"{project} {release}"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
templates_path = ["_templates"]

# Copies code without prompts, and offers no button for its output.
copybutton_selector = "div:not(.output) > div.highlight > pre"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
