"""Converts docstrings in the style of Keras to reStructuredText.

They are plain text with code in single backticks, links and fences as in
Markdown, and sections that may begin on the line of their heading. Formulas
become mathematics, and the reference moves to the end.
"""

import inspect
import re
import textwrap

import formulas

HEADINGS = ("Reference", "Input shape", "Output shape")
OTHERS = ("Args", "Call arguments", "Attributes", "Returns", "Yields", "Raises")
# Up to an empty line or the next heading.
SECTION = re.compile(
    rf"(?m)^({'|'.join(HEADINGS)}): *"
    rf"((?:.+(?:\n(?!(?:{'|'.join(HEADINGS + OTHERS)}):).+)*))"
)
# The first section after the description.
FIRST_SECTION = re.compile(
    rf"(?m)^(?:(?:{'|'.join(OTHERS)}):$|\*\*\w+ shape\.)"
)
ARGUMENT = re.compile(r"(?m)^    (\w+):")
LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")
CODE = re.compile(r"(?<![`:\w])`([^`]+)`(?!`)")
FENCE = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
# Several equations at the end of a clause: `a = b`, `c = d` and `e = f`.
RUN = re.compile(
    r"(?<![`:\w])`[^`]+`(?:(?:,? and|,)\s+`[^`]+`)+(?:[.,:;]\s*|\s*\Z)"
)
# Lines of a list, or of a block.
LIST = re.compile(r"(?m)^(?:[-*] |\s)")
# A paragraph of only code and the punctuation between.
CODE_ONLY = re.compile(r"(?:`[^`]+`[,.;:]?\s*)+")
NAME = re.compile(r"(keras|keras_attn|np|numpy)(\.\w+)+$")


def setup(app):
    """Rewrites each docstring before napoleon reads it."""
    # Listeners with a lower priority run first; napoleon has 500.
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _sign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _process(app, what, name, subject, options, lines):
    text = rewritten("\n".join(lines))
    if what == "class":
        text = with_link(text, name.rpartition(".")[2])
    lines[:] = text.split("\n")


def with_link(text, name):
    """Returns a rewritten docstring with a link to the page of a layer."""
    # Here, so that the tests of docstrings need no pages.
    from catalogue import described

    if name not in described():
        return text
    first, _, rest = text.partition("\n\n")
    page = described()[name]["page"].removesuffix(".md")
    link = (
        f":doc:`The page on {name} </layers/{page}>` has a diagram, its cost "
        "and examples."
    )
    return f"{first}\n\n{link}\n\n{rest}"


def _sign(app, what, name, subject, options, signature, returned):
    """Shows the signature of `__init__`, as layers have a `__new__(*args)`."""
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
    references = []

    def section(match):
        words = " ".join(match[2].split())
        if match[1] == "Reference":
            references.append(words)
            return ""
        return f"**{match[1]}.** {words}\n"

    text = SECTION.sub(section, text)
    first = FIRST_SECTION.search(text)
    start = first.start() if first else len(text)
    arguments = set(ARGUMENT.findall(text[start:]))
    parts = [_description(text[:start], arguments), _plain(text[start:])]
    if example:
        example = CODE.sub(_literal, FENCE.sub(_block, example)).strip()
        parts.append(f"\n\n.. rubric:: Example\n\n{example}\n")
    for words in references:
        parts.append(f"\n\n.. rubric:: Reference\n\n{_plain(words)}\n")
    return "".join(parts)


def _plain(text):
    """Converts code and links."""
    # Code on two lines must become a single line.
    text = CODE.sub(lambda match: _code(_joined(match[1])), text)
    return LINK.sub(r"`\1 <\2>`__", text)


def _description(text, arguments):
    """Converts code, links and formulas.

    Args:
        text: String, all before the first section.
        arguments: Names that stay code outside of equations.
    """
    symbols = set()
    for match in CODE.finditer(FENCE.sub("", text)):
        found = formulas.equation(_joined(match[1]))
        if found:
            symbols |= found.symbols

    def inline(match):
        code = _joined(match[1])
        found = formulas.equation(code)
        if not found:
            part = formulas.parsed(code)
            known = part and not part.words and part.symbols
            found = part if known and known <= symbols - arguments else None
        return f":math:`{found.latex}`" if found else _code(code)

    paragraphs = []
    # An odd part of a split is a fence.
    for i, part in enumerate(re.split(r"(?ms)(^```\w+\n.*?^```$)", text)):
        if i % 2:
            paragraphs.append(FENCE.sub(_block, part))
            continue
        for paragraph in part.split("\n\n"):
            if CODE_ONLY.fullmatch(paragraph.strip()):
                paragraph = _displayed(paragraph)
            elif not LIST.search(paragraph):
                paragraph = RUN.sub(
                    lambda match: _displayed(match[0]), paragraph
                )
            paragraph = CODE.sub(inline, paragraph)
            paragraphs.append(LINK.sub(r"`\1 <\2>`__", paragraph))
    return "\n\n".join(paragraphs)


def _displayed(text):
    """Returns equations as a block, or the text if it has other code."""
    found = [
        formulas.equation(_joined(match[1])) for match in CODE.finditer(text)
    ]
    if not all(found):
        return text
    shown = textwrap.indent(formulas.display(found), "   ")
    return f"\n\n.. math::\n\n{shown}\n\n"


def _joined(text):
    return " ".join(text.split())


def _code(text):
    if NAME.match(text) and not text.endswith(".py"):
        return f":py:obj:`{text}`"
    return f"``{text}``"


def _block(match):
    return f".. code-block:: {match[1]}\n\n{textwrap.indent(match[2], '   ')}"


def _literal(match):
    return f"``{match[1]}``"
