"""Writes `docs/benchmarks.md`, and the costs of blocks in `docs/layers`."""

import json
import pathlib
import re

from benchmarks.harness import RESULTS

BACKENDS = ("jax", "tensorflow", "torch")
PAGE = pathlib.Path("docs/benchmarks.md")
CATALOGUE = pathlib.Path("docs/layers/index.md")
MARKS = (
    "<!-- costs: written by `make bench` -->",
    "<!-- end of costs -->",
)
HEAD = """# Benchmarks

Written by `make bench`. The subjects of a row run in turns in one process,
warmed up, in 15 rounds, or as many as go into 16 seconds, at least three: a
pause for the other's threads to fall asleep, a run to wake one's own, and runs
for 20 ms, whose mean counts; what takes half a second runs once. The tables
give medians; MiB is by how much a fresh process grows in three runs.
Milliseconds are this machine's, and noisy; the ratios are what travels. *Of
plain* is our time as a fraction of plain PyTorch's: less than 1 is faster. On
JAX and TensorFlow blocks are compiled by XLA, models run as `fit` and `predict`
run them. Each table says where and when it was measured; what has no row was
not.
"""


def rows_as_they_are(found):
    """Returns the recorded rows."""
    return found["rows"]


def by_shape(found):
    """Returns a row for each block, with what each shape took of plain."""
    rows = {}
    for row in found["rows"]:
        block = rows.setdefault(row["block"], {"block": row["block"]})
        size = row["shape"]
        for what in ("forward", "backward"):
            ms, ratio = row[f"{what}, ours ms"], row[f"{what}, of plain"]
            block[f"{what} {size}"] = f"{ratio:.2f} ({ms:.1f} ms)"
    names = list(next(iter(rows.values())))
    names = names[:1] + names[1::2] + names[2::2]
    return [
        {name: row.get(name, "") for name in names} for row in rows.values()
    ]


QUESTIONS = {
    "layers": (
        "Blocks",
        "Each block against its published form in plain PyTorch, batch 8, "
        "at the shapes of the four stages of a ResNet-50, with the same "
        "weights, and seen to give the same output. *Forward* is inference,"
        " *backward* a forward and backward pass in training, with "
        "gradients of the input and of all weights. A cell gives our time "
        "as a fraction of PyTorch's, and our milliseconds. *FCA* transforms"
        " at the size of the map, as FcaNet does, *FCA pooled* at 7 x 7. "
        "The published codes of `Encoding` and `ContextEncoding` hold the "
        "residuals of all codewords, those with covariances a matrix of all"
        " positions.",
        by_shape,
    ),
    "models": (
        "ResNet-50",
        "Batch 8 of 224 x 224 images from NumPy. *Training* is a step of "
        "SGD with momentum on the cross-entropy, *inference* gives NumPy "
        "logits. *Plain* is ResNet-50 without attention in plain PyTorch, "
        "*without* ours without attention.",
        rows_as_they_are,
    ),
    "feature_act": (
        "FeatureAct",
        "Forward and backward, with gradients of the input and of all "
        "weights, batch 32. *Plain* is the explicit form in PyTorch as it "
        "was published, one target channel after another; *vectorised* the "
        "same without the loop. GFLOP are those of the forward pass.",
        rows_as_they_are,
    ),
    "fernet": (
        "FERNet",
        "Batch 32 of 48 x 48 grey images. *Training* is a step of Adam on "
        "the cross-entropy, *inference* gives NumPy logits; the images come"
        " from NumPy, in PyTorch's case converted once.",
        rows_as_they_are,
    ),
    "grad_cam": (
        "Grad-CAM",
        "Maps of four 224 x 224 images by a ResNet-50, for a given class of "
        "each. *Ours* is a whole call of `GradCAM`, from NumPy images to "
        "NumPy maps, *forward* `predict_on_batch` of the same model and "
        "images. *Plain* is done as pytorch-grad-cam does it, in plain "
        "PyTorch: with hooks, and a backward pass through the whole network "
        "that computes the gradients of all weights too; *plain forward* is "
        "that network's inference. Both have the same weights, and were seen "
        "to give the same maps. *Of forward* is how many passes of our model "
        "a call of ours takes, *plain of plain forward* the same of "
        "PyTorch's: less is better, and none goes without one pass.",
        rows_as_they_are,
    ),
    "score_cam": (
        "Score-CAM",
        "One 224 x 224 image by a ResNet-50, for a given class. *Ours* is a "
        "whole call of `ScoreCAM` with `top_k=64` and `batch_size=16`. It "
        "runs the model 65 times: once for the feature maps, and for 64 "
        "masked images, 16 at a time. *Passes* is `predict_on_batch` of 64 "
        "images that are masked already, 16 at a time. *Of passes* is what "
        "all else costs, such as masking: less is better, and 65 / 64 = 1.02 "
        "is what the feature maps take.",
        rows_as_they_are,
    ),
    "deeplab": (
        "DeepLab",
        "Inference of one 321 x 321 image. *asc* is attention to scale with "
        "the scales 1 and 0.5; its *plain* side reimplements a known PyTorch "
        "implementation: features are resized to the size of the "
        "image before the attention looks at them, and each scale has its own "
        "classifier. *Ours* merges at an eighth of that size, as the paper "
        "does, and so computes something else. *largefov* is the network to "
        "`fc7`, the same on both sides, and was seen to give the same.",
        rows_as_they_are,
    ),
    "zfnet": (
        "ZF-Net",
        "Batch 8 of 224 x 224 images from NumPy. *Training* is a step of "
        "SGD with momentum on the cross-entropy, *inference* gives NumPy "
        "logits.",
        rows_as_they_are,
    ),
    "deconvnet": (
        "DeconvNet",
        "One map of ZF-Net's last pooling, its strongest activation, brought "
        "back to the pixels of one 224 x 224 image. *Ours* is a whole call of "
        "`DeconvNet`, from NumPy to NumPy, *forward* `predict_on_batch` of "
        "the same model, linear layers and all. *Plain* keeps switches and "
        "transposes convolutions in plain PyTorch, up to the last pooling "
        "only, and was seen to give the same; *plain forward* is that "
        "network's inference. *Of forward* is how many passes of our model a "
        "call takes.",
        rows_as_they_are,
    ),
    "vit": (
        "Vision Transformers",
        "Batch 4 from NumPy. *Reference* is the reference code's setting: "
        "256 x 256 pixels, patches of 32, 6 blocks of 1024 numbers and 16 "
        "heads, with dropout. *Training* is a step of SGD with momentum on "
        "the cross-entropy, *Adam* the same with Adam, Keras' and PyTorch's "
        "own; *inference* gives NumPy logits. *Plain* attends by "
        "`scaled_dot_product_attention`, and was seen to give the same.",
        rows_as_they_are,
    ),
    "switches": (
        "Max pooling with indices",
        "3 x 3 with stride 2 of 8 maps of 110 x 110 x 96. *Forward* is "
        "inference, *backward* a forward and backward pass. *Plain* is "
        "PyTorch's pooling, *with indices* the same that returns them; "
        "*ours without* our pooling that returns maxima only.",
        rows_as_they_are,
    ),
}


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
    if isinstance(value, int):
        return f"{value:,}"
    if name.endswith(("MiB", "MFLOP")):
        return f"{value:,.0f}"
    return f"{value:.1f}" if name.endswith("ms") else f"{value:.2f}"


def found_of(question):
    """Returns what was recorded, a dict for each backend."""
    paths = sorted(RESULTS.glob(f"{question}.*.json"))
    return [json.loads(path.read_text()) for path in paths]


def origin(found):
    """Returns when, where and with what something was measured."""
    versions = ", ".join(f"{n} {v}" for n, v in found["versions"].items())
    return f"{found['date']}, {found['machine']}; {versions}"


def costs():
    """Returns the table of what each block costs in a ResNet-50."""
    found = found_of("models")
    (counts,) = found_of("counts")
    rows = {row.pop("attention"): row for row in counts["rows"]}
    columns = {}
    for measured in found:
        for row in measured["rows"]:
            column = f"{measured['backend']}, {row['mode']}"
            columns.setdefault(column, {})[row["attention"]] = row["of without"]
    lines = [
        {"block": f"`{name}`", **row}
        | {column: values.get(name, "") for column, values in columns.items()}
        for name, row in rows.items()
    ]
    where = "\n\n".join(f"{f['backend']}: {origin(f)}." for f in found)
    return f"{table(lines)}\n\n{where}"


def kept():
    """Returns the tables of the page by their headings, as they are now."""
    sections = re.split(r"^(#{2,3} .*)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(sections[1::2], sections[2::2], strict=True))


def main():
    """Writes both; what was not measured on this machine stays as it was."""
    old = kept()
    parts = [HEAD]
    for question, (title, text, rows_of) in QUESTIONS.items():
        parts.append(f"## {title}\n\n{text}\n")
        found = {each["backend"]: each for each in found_of(question)}
        for backend in BACKENDS:
            heading = f"### {title} on {backend}"
            if backend in found:
                rows = table(rows_of(found[backend]))
                body = f"{origin(found[backend])}.\n\n{rows}"
            elif heading in old:
                body = old[heading].strip()
            else:
                continue
            parts.append(f"{heading}\n\n{body}\n")
    PAGE.write_text("\n".join(parts))
    print(f"wrote {PAGE}")
    if not (found_of("models") and found_of("counts")):
        return
    before, rest = CATALOGUE.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    CATALOGUE.write_text(
        f"{before}{MARKS[0]}\n\n{costs()}\n\n{MARKS[1]}{after}"
    )
    print(f"wrote {CATALOGUE}")


if __name__ == "__main__":
    main()
