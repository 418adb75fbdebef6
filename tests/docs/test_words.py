"""What people read is plain technical English, in sentences of some length."""

import functools
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
LONGEST = 30  # words of a sentence


# What a translator writes, as regular expressions, and what the field says.
PHRASES = {
    r"puts? out": "outputs",
    r"gives? out": "outputs, returns",
    r"brought to (the|a) size": "resized to",
    r"trained on nothing": "no pretrained weights",
    r"in the place of": "instead of",
    r"what it has not": "not included",
    r"(it|they|that|which) (has|have) not[:;,.]": "does not have",
    r"(and|it|which) is said": "is reported",
    r"nobody|somebody": "no one in particular: use the passive",
    r"anew": "again",
    r"beforehand": "in advance",
    r"likewise": "also",
    r"therein|thereby|whereby|thereof": "leave it out",
    r"as is usual": "typically",
    r"goes on where": "resumes where",
    r"by numbers": "numerically",
    r"(was|were|are|is) seen to": "is verified to",
    r"as many as go into": "as many as fit into",
    r"figures of theirs": "numbers reported by the authors",
    r"checked against somebody": "verified against",
    r"a (value|number|weight|gate|map|score|line) an? "
    r"(channel|class|token|position|head|image|pixel)": "one ... per ...",
    r"a look (at|into)": "shows, inspects",
    r"in letters": "in symbols",
    r"nothing but": "only",
    r"no other than": "only",
    r"such an? one": "one",
    r"(is to|can) be had": "is available",
    r"as long as it is untrained": "until it is trained",
    r"is none of (these|those|them)": "is not one of these, is invalid",
    r"none of ours": "not supported",
    r"in silence|without a word": "silently",
    r"in whatever way": "leave it out",
    r"laid on white": "composited onto white",
    r"other than in print": "unlike in the paper",
    r"brought (back|up) to": "projected to, resized to",
    r"sampled down": "downsampled",
    r"by pieces of": "from patches of",
    r"is a share of|the share of the": "the fraction of",
    r"looks? into (each|the|a) (window|file|archive)": "reads",
    r"(is|are) had by": "is computed by",
    r"at hand": "available",
    r"mixed up with": "confused with",
    r"less (its|the) mean": "minus the mean",
    r"as they stand": "unchanged",
    r"(what|which) is behind": "how it works",
    r"who looks at whom": "the attention of each query to each key",
    r"of elsewhere": "from elsewhere",
    r"will do": "works, is enough",
    r"what (comes|came) of it": "the result",
    r"for ever": "indefinitely",
    r"makes? of (it|them|an?|the) ": "turns ... into",
    r"known to nobody": "unknown",
    r"as called here": "with default arguments",
    r"with their recipe": "with their training recipe",
}


def pages():
    """Returns the texts in Markdown."""
    tops = [ROOT / "README.md", ROOT / "SECURITY.md"]
    folders = (ROOT / "docs", ROOT / "applications")
    found = [path for each in folders for path in each.rglob("*.md")]
    generated = ROOT / "docs" / "api" / "generated"
    return [*tops, *sorted(p for p in found if generated not in p.parents)]


def prose(markdown):
    """Returns the paragraphs of a page, without code, tables and formulas."""
    text = re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^(`{3,}|:{3,}).*?^\1$", "\n", text, flags=re.M | re.S)
    text = re.sub(r"^\$\$$.*?^\$\$$", "\n", text, flags=re.M | re.S)
    paragraphs, lines = [], []
    for line in [*text.splitlines(), ""]:
        starts = re.match(r"\s*([-*+]|\d+\.)\s+|>|#|\||    |<", line)
        if lines and (not line.strip() or starts):
            paragraphs.append(" ".join(lines))
            lines = []
        if line.strip() and not re.match(r"#|\||    |<|\s*!?\[[^]]*\]:", line):
            lines.append(re.sub(r"^\s*([-*+]|\d+\.|>)\s+", "", line).strip())
    return paragraphs


def sentences(paragraph):
    """Splits where a sentence ends."""
    # Not by the dots in code and addresses.
    text = re.sub(r"`[^`]*`", "code", paragraph)
    text = re.sub(r"\{\w+(:\w+)?\}code", "code", text)
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\b(e\.g|i\.e|et al|vs|Fig|Eq)\.", r"\1", text)
    return re.split(r"(?<=[.!?])[*_\")]*\s+", text)


def words(sentence):
    # A figure or two in brackets belong to the word before.
    text = re.sub(r"\([^()]{,20}\)", "", sentence)
    return [word for word in text.split() if re.search(r"\w", word)]


def long_sentences(path):
    return [
        sentence
        for paragraph in prose(path.read_text())
        for sentence in sentences(paragraph)
        if len(words(sentence)) > LONGEST
    ]


def texts():
    """Yields paths and what is written there, with lines joined."""
    code = ("keras_attn", "applications", "benchmarks", "docs", "tests")
    found = [path for each in code for path in (ROOT / each).rglob("*.py")]
    for path in [*pages(), *found]:
        # They list what is not to be written.
        if path not in (pathlib.Path(__file__), ROOT / "docs" / "style.md"):
            yield path, re.sub(r"\n[\s#>*\"]*", " ", path.read_text())


@functools.cache
def joined():
    return dict(texts())


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_text_reads_as_translated(phrase):
    pattern = re.compile(rf"\b(?:{phrase})(?!\w)", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}: {text[m.start() - 30 : m.end() + 30]}"
        for path, text in joined().items()
        for m in pattern.finditer(text)
    ]
    assert not found, f"Write {PHRASES[phrase]!r}: {found}"


@pytest.mark.parametrize("path", pages(), ids=lambda p: p.name)
def test_sentences_are_short(path):
    assert long_sentences(path) == []


def test_a_long_sentence_is_found(tmp_path):
    short = "One two. " * 30
    code = f"```python\n{'word ' * 40}\n```\n"
    table = f"| {'word ' * 40} |\n"
    page = tmp_path / "page.md"
    item = f"- {'word ' * 31}.\n"
    page.write_text(f"# Title\n\n{short}\n\n{code}\n{table}\n{item}")
    (found,) = long_sentences(page)
    assert found.count("word") == 31
    page.write_text(page.read_text().replace("word " * 31, "word " * 30))
    assert long_sentences(page) == []
