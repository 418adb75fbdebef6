"""Writes `docs/benchmarks.md` from what the other modules recorded."""

import json
import pathlib

from benchmarks.harness import RESULTS

PAGE = pathlib.Path("docs/benchmarks.md")
QUESTIONS = {
    "feature_act": (
        "FeatureAct",
        "Forward and backward, with gradients of the input and of all weights, "
        "batch 32. *Plain* is the explicit form in PyTorch as it was "
        "published, one target channel after another; *vectorised* the same "
        "without the loop. GFLOP are those of the forward pass.",
    ),
    "fernet": (
        "FERNet",
        "Batch 32 of 48 x 48 grey images. *Training* is a step of Adam on the "
        "cross-entropy, *inference* gives NumPy logits; the images come from "
        "NumPy, in PyTorch's case converted once. *Of plain* is our time "
        "as a fraction of PyTorch's: less than 1 is faster.",
    ),
}
HEAD = """# Benchmarks

Written by `make bench`. Two subjects run in turns in one process, warmed up,
21 rounds: a pause for the other's threads to fall asleep, a run to wake one's
own, and a run that counts. The table gives medians; MiB is by how much a fresh
process grows in three runs. Milliseconds are this machine's; the ratios are
what travels.
"""


def table(rows):
    """Returns a Markdown table of dicts with the same keys."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = [
            value if isinstance(value, str) else _number(name, value)
            for name, value in row.items()
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(name, value):
    if name.endswith("MiB"):
        return f"{value:.0f}"
    return f"{value:.1f}" if name.endswith("ms") else f"{value:.2f}"


def main():
    """Writes the page."""
    parts = [HEAD]
    for question, (title, text) in QUESTIONS.items():
        parts.append(f"## {title}\n\n{text}\n")
        for path in sorted(RESULTS.glob(f"{question}.*.json")):
            found = json.loads(path.read_text())
            versions = ", ".join(
                f"{name} {v}" for name, v in found["versions"].items()
            )
            parts.append(
                f"### On {found['backend']}\n\n{found['date']}, "
                f"{found['machine']}; {versions}.\n\n{table(found['rows'])}\n"
            )
    PAGE.write_text("\n".join(parts))
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
