"""Writes `docs/benchmarks.md`, and the costs of blocks in `docs/layers`.

    python -m benchmarks.report [docs/benchmarks.md]

Rows recorded on this machine replace those of the page, and all other rows stay
as they are. Without recorded rows, only the text, the summary and the chart are
written again.
"""

import argparse
import json
import pathlib
import re
import textwrap

from benchmarks import chart, summary
from benchmarks.harness import RESULTS
from benchmarks.questions import QUESTIONS
from benchmarks.tables import formatted, read, table, tables

BACKENDS = tuple(summary.BACKENDS)
PAGE = pathlib.Path("docs/benchmarks.md")
PICTURE = "images/benchmarks.png"
CATALOGUE = pathlib.Path("docs/layers/index.md")
MARKS = (
    "<!-- costs: written by `make bench` -->",
    "<!-- end of costs -->",
)
HEAD = """# Benchmarks

How fast the blocks, models and explanations run, compared with the same
computation in plain PyTorch. `make bench` measures the figures and writes this
page.
"""
SUMMARY = (
    "{count} comparisons. Machine: {conditions}. A ratio is our time divided "
    "by PyTorch's: below 1, ours is faster. The table shows the median and the "
    "range of each group. The lists show the median of each block over shapes "
    "and backends, and in how many of these cases it is slower."
)
ALT = "Ratios of our time to plain PyTorch's, by block and by network"
CAPTION = (
    "*A marker is the median on one backend, a line the range over all of "
    "them. In the shaded part, ours is slower. DeepLab's attention to scale is "
    "left out, because its two sides differ.*"
)
METHOD = """## How it was measured

The subjects of a row run in turns in one process after a warm-up. There are 15
rounds, or as many as fit into 16 seconds, but at least three. In a round, each
subject waits until the threads of the previous one have fallen asleep. It runs
once to wake its own threads, and then for 20 ms, of which the mean counts. A
subject that takes half a second or longer runs once. The tables show medians.
MiB is the growth of a fresh process over three runs.

Milliseconds are specific to this machine and noisy; ratios carry over better.
*Ours / plain* is our time divided by that of plain PyTorch. On JAX and
TensorFlow, XLA compiles the blocks, and models run as in `fit` and `predict`.
Each table gives its date, machine and versions. A missing row was not measured.
"""


def recorded(question):
    """Returns the recorded results of a question, by backend."""
    paths = sorted(RESULTS.glob(f"{question}.*.json"))
    found = [json.loads(path.read_text()) for path in paths]
    return {each["backend"]: each for each in found}


def origin(found):
    """Returns the date, the machine and the versions of a measurement."""
    versions = ", ".join(f"{n} {v}" for n, v in found["versions"].items())
    return f"{found['date']}, {found['machine']}; {versions}"


def costs():
    """Returns the table of the cost of each block in a ResNet-50."""
    found = recorded("models")
    (counts,) = recorded("counts").values()
    rows = {row.pop("attention"): row for row in counts["rows"]}
    columns = {}
    for backend, measured in found.items():
        for row in measured["rows"]:
            column = columns.setdefault(f"{backend}, {row['mode']}", {})
            column[row["attention"]] = row["ours / without"]
    lines = [
        {"block": f"`{name}`", **row}
        | {column: values.get(name, "") for column, values in columns.items()}
        for name, row in rows.items()
    ]
    where = "\n\n".join(f"{b}: {origin(f)}." for b, f in found.items())
    return f"{table(lines)}\n\n{where}"


def heading(question, backend):
    """Returns the heading of the tables of a question on a backend."""
    return f"### {QUESTIONS[question].title} on {backend}"


def collected(text):
    """Returns origins and rows, by question and backend.

    Args:
        text: The page as it is, which has the rows that are not recorded here.
    """
    parts = re.split(r"^(#{2,3} .*)$", text, flags=re.MULTILINE)
    old = dict(zip(parts[1::2], parts[2::2], strict=True))
    found = {}
    for question, about in QUESTIONS.items():
        here = recorded(question)
        for backend in BACKENDS:
            title = heading(question, backend)
            if backend in here:
                rows = formatted(about.rows(here[backend]["rows"]))
                found[question, backend] = f"{origin(here[backend])}.", rows
            elif title in old:
                found[question, backend] = read(old[title])
    return found


def summarised(found):
    """Returns the summary and the picture, in Markdown."""
    told = SUMMARY.format(
        count=summary.count(found), conditions=summary.conditions(found)
    )
    listed = "\n".join(f"- {each}" for each in summary.verdicts(found))
    return "\n\n".join(
        [
            f"## Summary\n\n{told}",
            table(summary.rows_of(found)),
            listed,
            f"![{ALT}]({PICTURE})",
            f"{CAPTION}\n",
        ]
    )


def written(found):
    """Returns the text of the page."""
    parts = [HEAD, summarised(found), METHOD]
    for question, about in QUESTIONS.items():
        parts.append(f"## {about.title}\n\n{wrapped(about.text)}\n")
        for backend in BACKENDS:
            if (question, backend) in found:
                where, rows = found[question, backend]
                shown = tables(rows, about.groups(list(rows[0])))
                title = heading(question, backend)
                parts.append(f"{title}\n\n{where}\n\n{shown}\n")
    return "\n".join(parts)


def wrapped(text):
    """Returns a paragraph in lines of Markdown."""
    return textwrap.fill(
        text, 88, break_long_words=False, break_on_hyphens=False
    )


def drawn(found, path):
    """Draws the chart of the summary."""
    parts = {
        "Blocks, inference": summary.of_blocks(found, "forward"),
        "Networks and explanations": summary.of_groups(found),
    }
    chart.draw({title: rows for title, rows in parts.items() if rows}, path)


def write_costs():
    """Writes the costs in a ResNet-50 if they were measured here."""
    if not (recorded("models") and recorded("counts")):
        return
    before, rest = CATALOGUE.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    CATALOGUE.write_text(
        f"{before}{MARKS[0]}\n\n{costs()}\n\n{MARKS[1]}{after}"
    )
    print(f"wrote {CATALOGUE}")


def main(arguments=None):
    """Writes the page, its chart, and the costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", nargs="?", type=pathlib.Path, default=PAGE)
    page = parser.parse_args(arguments).page
    found = collected(page.read_text())
    picture = page.parent / PICTURE
    picture.parent.mkdir(exist_ok=True)
    drawn(found, picture)
    page.write_text(written(found))
    print(f"wrote {page} and {picture}")
    write_costs()


if __name__ == "__main__":
    main()
