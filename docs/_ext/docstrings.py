"""Brings our docstrings, written as Keras writes them, to what Sphinx reads.

They are plain text with code in single backticks, links and fences as in
Markdown, and sections that may begin on the line of their heading.
"""

import inspect
import re
import textwrap

HEADINGS = ("Reference", "Input shape", "Output shape")
# Up to an empty line or the next heading.
SECTION = re.compile(
    rf"(?m)^({'|'.join(HEADINGS)}): *((?:.+(?:\n(?!\w[\w ]*:).+)*))"
)
LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")
CODE = re.compile(r"(?<![`:\w])`([^`]+)`(?!`)")
FENCE = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
NAME = re.compile(r"(keras|keras_attn|np|numpy)(\.\w+)+$")


def setup(app):
    """Rewrites each docstring before napoleon reads it."""
    # Listeners of less priority run first; napoleon's is 500.
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _sign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _process(app, what, name, subject, options, lines):
    lines[:] = rewritten("\n".join(lines)).split("\n")


def _sign(app, what, name, subject, options, signature, returned):
    """Shows what `__init__` takes: a layer has a `__new__(*args)`."""
    if what != "class":
        return None
    found = inspect.signature(subject.__init__)
    kept = [
        p.replace(annotation=inspect.Parameter.empty)
        for p in list(found.parameters.values())[1:]
    ]
    return str(inspect.Signature(kept)), returned


def rewritten(text):
    """Returns a docstring as reStructuredText with Google's sections."""
    text, _, example = text.partition("\nExample:\n")
    text = SECTION.sub(_section, text)
    # What spans two lines as code must not.
    text = CODE.sub(lambda match: _code(" ".join(match[1].split())), text)
    text = LINK.sub(r"`\1 <\2>`__", text)
    if example:
        example = CODE.sub(_literal_outside_of_code, FENCE.sub(_block, example))
        text += f"\n\n.. rubric:: Example\n\n{example.strip()}\n"
    return text


def _section(match):
    words = " ".join(match[2].split())
    return f"**{match[1]}.** {words}\n"


def _code(text):
    if NAME.match(text) and not text.endswith(".py"):
        return f":py:obj:`{text}`"
    return f"``{text}``"


def _block(match):
    return f".. code-block:: {match[1]}\n\n{textwrap.indent(match[2], '   ')}"


def _literal_outside_of_code(match):
    return f"``{match[1]}``"
