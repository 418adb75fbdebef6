"""Writes the tables of `docs/pretrained.md` from tables and results."""

import re

from tests.pretrained import tables
from tests.pretrained.records import read

BEGIN = "<!-- tables: python -m tests.pretrained --page docs/pretrained.md -->"
END = "<!-- end of tables -->"
BACKENDS = {"tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}
# The first pattern that the name of an architecture begins with.
FAMILIES = {
    "ResNet of CLIP": r"resnet\d+(x\d+)?_clip",
    "ResNet-RS": r"resnetrs",
    "anti-aliased ResNet, SE-ResNeXt": r"(se)?resne(t|xt)(aa|blur)",
    "ResNeSt": r"resnest",
    "SK-ResNet, SK-ResNeXt": r"skresne",
    "ECA-ResNet": r"eca_?resne",
    "GC-ResNet, BAT-ResNeXt": r"gcresne|bat_resne",
    "SE-ResNet of Caffe": r"legacy_se",
    "SE-ResNet, SE-ResNeXt, SENet": r"seresne|senet",
    "Wide ResNet": r"wide_resnet",
    "ResNeXt": r"resnext",
    "ResNet, ResNet-D, ResNet-T": r"(test_)?resnet",
    "DINOv3": r"vit_.*_dinov3",
    "DINOv2": r"vit_.*_dinov2",
    "SigLIP, SigLIP 2": r"vit_.*_siglip",
    "CLIP": r"vit_.*_clip_",
    "TIPSv2": r"vit_.*_tipsv2",
    "C-RADIO": r"vit_.*_radio",
    "RoPE-ViT": r"vit_.*_rope_",
    "Sapiens2, LingBot": r"vit_.*_(sapiens2|lingbot)",
    "DeiT III": r"deit3",
    "DeiT": r"deit",
    "BEiT-3": r"beit3",
    "AIMv2": r"aimv2",
    "EVA, EVA-02": r"eva",
    "ViT, FlexiViT": r"(test_)?vit|flexivit",
}


def family_of(architecture):
    """Returns the family of an architecture of timm."""
    for family, pattern in FAMILIES.items():
        if re.match(pattern, architecture):
            return family
    raise ValueError(
        f"A family must have a pattern. Received: {architecture!r}"
    )


def by_family(entries):
    """Returns a table of the tags of timm, by family, as lines."""
    rows = {family: [None, 0, 0, 0] for family in FAMILIES}
    for architecture, entry in entries.items():
        row = rows[family_of(architecture)]
        function = entry.get("function")
        row[0] = row[0] or function
        row[1] += 1
        row[2] += len(entry["tags"])
        row[3] += len(entry["tags"]) if function else 0
    lines = [
        "| family | function | architectures | tags | tags that load |",
        "| --- | --- | --- | --- | --- |",
    ]
    for family, (function, *counts) in rows.items():
        named = f"`{function}`" if function else ""
        lines.append(_row(family, named, *counts))
    sums = [sum(row[i] for row in rows.values()) for i in (1, 2, 3)]
    return [*lines, _row("all", "", *sums)]


def by_reason(entries):
    """Returns a table of what does not load and why, as lines."""
    rows = {}
    for architecture, entry in entries.items():
        if "missing" in entry:
            row = rows.setdefault(entry["missing"], [0, []])
            row[0] += len(entry["tags"])
            row[1].append(architecture)
    lines = [
        "| what is missing | tags | architectures |",
        "| --- | --- | --- |",
    ]
    for reason, (count, names) in sorted(
        rows.items(), key=lambda item: -item[1][0]
    ):
        shown = ", ".join(f"`{name}`" for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(_row(reason, count, shown + more))
    return lines


def _row(*cells):
    return f"| {' | '.join(map(str, cells))} |"


def of_tables():
    """Returns the part of the page that follows from the tables alone."""
    timm = tables.read_table(tables.FOLDER / "timm.json")
    torchvision = tables.read_table(tables.FOLDER / "torchvision.json")
    there = [entry for entry in torchvision.values() if "function" in entry]
    tags = [
        facts
        for entry in timm.values()
        if "function" in entry
        for facts in entry["tags"].values()
    ]
    homeless = sum(facts.get("hub", "") is None for facts in tags)
    return "\n".join(
        [
            "",
            *by_family(timm),
            "",
            f"{homeless} of the tags that load have no repository on the Hub. "
            f"Of torchvision, {len(there)} of {len(torchvision)} weights of "
            "ResNets and Vision Transformers load.",
            "",
            *by_reason(timm),
            "",
        ]
    )


def of_results(records):
    """Returns one line for each file of results.

    Args:
        records: Dict from file names without suffix to lists of results.
    """
    lines = []
    for name, (about, results) in records.items():
        backend, _, format = name.partition("_")
        title = BACKENDS[backend] + (f", {format}" if format else "")
        works = [r["difference"] for r in results if "problem" not in r]
        versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
        lines += [
            f"{title}: {len(works)} of {len(results)} networks agree, largest "
            f"difference {max(works, default=0):.0e}; {about['date']}, "
            f"{versions}.",
            "",
        ]
    return "\n".join(lines)


def write_page(page, folder):
    """Writes the tables and the results in a folder into a page.

    Lines of backends without results stay.
    """
    text = page.read_text("utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} must contain {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    lines = []
    for backend, title in BACKENDS.items():
        for name in (backend, f"{backend}_channels_first"):
            path = folder / f"{name}.jsonl"
            if path.exists():
                lines.append(of_results({name: read(path)}))
            else:
                form = ", channels_first" if name != backend else ""
                kept = rf"^{title}{form}: .*\n"
                lines += re.findall(kept, old, re.MULTILINE)
    new = of_tables() + "\n" + "\n".join(lines) + "\n"
    page.write_text(f"{before}{BEGIN}\n{new}{END}{after}", "utf-8")
