"""Plain-text formulas of docstrings as LaTeX: `y = x * sigmoid(W1 z + b1)`.

Docstrings need no markup for it. Text that the parser does not understand stays
code, so that no wrong formula is shown.
"""

import re

import mathml

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?(?![A-Za-z_]))"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*(?:'?_\w+)?'?)"
    r"|(?P<sign>\*\*|//|<=|>=|==|\+-|\.\.\.?|[-+*/^=,()\[\]|<>:]))"
)
SIGNS = {
    **{"*": r"\cdot", "==": "=", "<=": r"\le", ">=": r"\ge", "+-": r"\pm"},
    **{"..": r"\ldots", "...": r"\ldots"},
    **{sign: sign for sign in "+-/=,|<>:"},
}
GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "phi", "omega", "pi")
# Commands of LaTeX; all other functions are operators with their own name.
COMMANDS = {"sum": r"\sum", "exp": r"\exp", "cos": r"\cos", "tanh": r"\tanh"}
RENAMED = {
    "batch_norm": r"\operatorname{batchnorm}",
    "log2": r"\log_{2}",
    **{
        f"conv{k}x{k}": rf"\operatorname{{conv}}_{{{k} \times {k}}}"
        for k in (1, 3)
    },
}
# Functions that may stand without parentheses.
PREFIXES = ("sum", "mean", "max", "min")
# Words of a case distinction. Other prose is not a formula.
WORDS = ("if", "else", "and", "not")
PROSE = ("as", "by", "each", "for", "in", "is", "of", "over", "the", "with")


class NotAFormula(ValueError):
    """The text does not follow the grammar."""


class Formula:
    """A formula that was parsed.

    Attributes:
        latex: The formula in LaTeX.
        symbols: The names of its variables, without subscripts.
        words: The names that are longer than a symbol.
    """

    def __init__(self, text):
        self.symbols, self.words = set(), set()
        self._tokens = _tokens(text)
        self._at = 0
        self.latex = self._sequence(())
        if re.search(r"\\mathrm\{\w+\} \\mathrm", self.latex):
            raise NotAFormula("Two words in a row are prose")
        mathml.mathml(self.latex, "inline")

    def _peek(self):
        """Returns kind, text and whether a space comes before, of a token."""
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        return None, None, False

    def _next(self):
        token = self._peek()
        self._at += 1
        return token

    def _sequence(self, closing):
        """Returns all up to a closing sign, which is consumed."""
        found = []
        while True:
            kind, text, _ = self._peek()
            if text in closing or (kind is None and not closing):
                self._next()
                return " ".join(found)
            if kind is None:
                raise NotAFormula(f"{closing} is missing")
            piece = self._piece()
            if piece.startswith("^"):
                if not found:
                    raise NotAFormula("an exponent has no base")
                piece = found.pop() + piece
            found.append(piece)

    def _piece(self):
        kind, text, _ = self._peek()
        if text in ("^", "**"):
            self._next()
            return f"^{{{self._exponent()}}}"
        if text in SIGNS:
            self._next()
            return SIGNS[text]
        first = self._atom()
        if self._peek()[1] != "//":
            return first
        self._next()
        return rf"\lfloor {first} / {self._atom()} \rfloor"

    def _exponent(self):
        kind, text, _ = self._peek()
        if text == "-":
            self._next()
            return f"-{self._exponent()}"
        if text == "(":
            self._next()
            return self._sequence((")",))
        if text == "T":
            self._next()
            return r"\top"
        return self._atom()

    def _atom(self):
        kind, text, _ = self._next()
        if text == "(":
            return f"({self._sequence((')',))})"
        if text == "[":
            return f"[{self._sequence((']',))}]"
        if kind == "number":
            digits, _, power = text.partition("e")
            if not power:
                return digits
            factor = "" if digits == "1" else rf"{digits} \cdot "
            return f"{factor}10^{{{power}}}"
        if kind == "name":
            return self._named(text)
        raise NotAFormula(f"{text!r} is not expected")

    def _named(self, name):
        called = self._peek()[1:] == ("(", False)
        if name in WORDS:
            return rf"\;\text{{{name}}}\;"
        if name in PROSE:
            raise NotAFormula(f"{name!r} is prose")
        base, _, below = name.partition("_")
        if called and name in ("sqrt", "abs"):
            self._next()
            inside = self._sequence((")",))
            return rf"\sqrt{{{inside}}}" if name == "sqrt" else f"|{inside}|"
        if name in RENAMED:
            return RENAMED[name]
        if len(base) > 1 and base.isalpha() and (called or base in PREFIXES):
            shown = COMMANDS.get(base, rf"\operatorname{{{base}}}")
            return f"{shown}_{{{below}}}" if below else shown
        return self._variable(base, below)

    def _variable(self, base, below):
        prime = "'" if base.endswith("'") else ""
        base = base.removesuffix("'")
        if below.endswith("'"):
            prime, below = "'", below.removesuffix("'")
        match = re.fullmatch(r"(d?[A-Za-z]|[a-z]+|[A-Z][a-z]+)(\d*)", base)
        if not match or (below and not below.isalnum()):
            raise NotAFormula(f"{base!r} is neither a symbol nor a word")
        letters, digits = match.groups()
        subscripts = [digits, below]
        if letters in GREEK:
            shown = f"\\{letters}"
            self.symbols.add(base)
        elif len(letters) == 1 or re.fullmatch("d[A-Za-z]", letters):
            shown = " ".join(letters)
            self.symbols.add(base)
        elif digits or below or prime:
            raise NotAFormula(f"{base!r} is a word with a subscript")
        else:
            shown = rf"\mathrm{{{letters}}}"
            self.words.add(base)
        if self._peek()[1:] == ("[", False):
            self._next()
            subscripts.append(self._sequence(("]",)))
        inside = ", ".join(each for each in subscripts if each)
        return f"{shown}{prime}" + (f"_{{{inside}}}" if inside else "")


def _tokens(text):
    """Returns triples: kind, text, and whether a space comes before."""
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise NotAFormula(f"{text[at:]!r} is not known")
        spaced = match.group() != match[match.lastgroup]
        found.append((match.lastgroup, match[match.lastgroup], spaced))
        at = match.end()
    return found


def parsed(text):
    """Returns a `Formula`, or `None` if the text is not one."""
    try:
        return Formula(text)
    except (NotAFormula, mathml.SphinxError):
        return None


def equation(text):
    """Returns the `Formula` of an equation, or `None` for other code.

    An equation has `=` between spaces, which an argument such as `ratio=4` has
    not.
    """
    return parsed(text) if " = " in text else None


def display(equations):
    """Returns equations in lines that meet at their signs, in LaTeX."""
    lines = [each.latex.replace(" = ", " &= ", 1) for each in equations]
    if len(lines) == 1:
        return equations[0].latex
    return "\\begin{split}\n" + " \\\\\n".join(lines) + "\n\\end{split}"
