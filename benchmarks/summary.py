"""The summary of `docs/benchmarks.md`, computed from the rows of its tables.

A ratio is our time divided by that of the same computation in plain PyTorch.
"""

from statistics import median

BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
DIRECTIONS = {"forward": "inference", "backward": "training"}
# Apart from blocks: the questions of a group, and the columns of a ratio.
# DeepLab's attention to scale is left out, as its two sides differ.
GROUPS = {
    "FeatureAct": (["feature_act"], "ours ms", "plain ms"),
    "ResNet-50 without attention": (["models"], "without ms", "plain ms"),
    "Vision Transformers": (["vit"], "ours ms", "plain ms"),
    "FERNet, ZF-Net, DeepLab": (
        ["fernet", "zfnet", "deeplab"],
        "ours ms",
        "plain ms",
    ),
    "Grad-CAM": (["grad_cam"], "ours ms", "plain ms"),
    "DeconvNet": (["deconvnet"], "ours ms", "plain ms"),
    "Max pooling with indices": (
        ["switches"],
        "ours ms",
        "plain with indices ms",
    ),
}


def of_blocks(found, direction):
    """Returns the ratios of each block, by backend.

    Args:
        found: Maps a question and a backend to the origin and the rows.
        direction: `"forward"` or `"backward"`.
    """
    blocks = {}
    for backend in BACKENDS:
        _, rows = found.get(("layers", backend), ("", []))
        for row in rows:
            blocks.setdefault(row["block"], {})[backend] = [
                float(cell.split()[0])
                for name, cell in row.items()
                if name.startswith(direction) and cell
            ]
    return blocks


def of_groups(found):
    """Returns the ratios of each group of `GROUPS`, by backend."""
    groups = {}
    for name, (questions, ours, plain) in GROUPS.items():
        for backend in BACKENDS:
            ratios = [
                _number(row[ours]) / _number(row[plain])
                for question in questions
                for row in found.get((question, backend), ("", []))[1]
                if row.get("network") != "asc"
            ]
            if ratios:
                groups.setdefault(name, {})[backend] = ratios
    return groups


def _number(cell):
    return float(cell.replace(",", ""))


def pooled(by_backend):
    """Returns the ratios of all backends."""
    return [ratio for ratios in by_backend.values() for ratio in ratios]


def rows_of(found):
    """Returns one row per group: median and range on each backend."""
    groups = {}
    for direction, mode in DIRECTIONS.items():
        for by_backend in of_blocks(found, direction).values():
            for backend, ratios in by_backend.items():
                group = groups.setdefault(f"Blocks, {mode}", {})
                group.setdefault(backend, []).extend(ratios)
    groups |= of_groups(found)
    return [
        {"ours / plain PyTorch": name}
        | {
            f"on {title}": _spread(by_backend.get(backend))
            for backend, title in BACKENDS.items()
        }
        for name, by_backend in groups.items()
    ]


def _spread(ratios):
    if not ratios:
        return ""
    low, high = (f"{edge(ratios):.2f}" for edge in (min, max))
    if low == high:
        return low
    return f"{median(ratios):.2f} ({low}–{high})"


def verdicts(found):
    """Yields sentences on the blocks that are mostly slower, and mostly faster.

    A block is listed with its median, and where it is slower also with the
    number of cases.
    """
    for word in ("slower", "faster"):
        for direction, mode in DIRECTIONS.items():
            blocks = of_blocks(found, direction)
            ordered = sorted(
                (median(pooled(by_backend)), block, pooled(by_backend))
                for block, by_backend in blocks.items()
            )
            if word == "slower":
                ordered.reverse()
            told = []
            for middle, block, ratios in ordered:
                more = sum(ratio > 1 for ratio in ratios)
                less = sum(ratio < 1 for ratio in ratios)
                if word == "slower" and 2 * more > len(ratios):
                    cases = f"{more} of {len(ratios)}"
                    told.append(f"{block} {middle:.2f} ({cases})")
                elif word == "faster" and 2 * less > len(ratios):
                    told.append(f"{block} {middle:.2f}")
            if told:
                yield (
                    f"**{word.capitalize()}** than plain PyTorch at most "
                    f"shapes, in {mode}: {', '.join(told)}."
                )


def conditions(found):
    """Returns the dates, machines and versions of all tables."""
    places, versions = {}, {}
    for origin, _ in found.values():
        place, _, used = origin.removesuffix(".").partition("; ")
        date, _, machine = place.partition(", ")
        places.setdefault(machine, set()).add(date)
        versions |= dict.fromkeys(used.split(", "))
    where = "; ".join(
        f"{machine} ({' to '.join(sorted({min(dates), max(dates)}))})"
        for machine, dates in places.items()
    )
    return f"{where}, with {', '.join(versions)}"


def count(found):
    """Returns how many ratios there are."""
    blocks = [of_blocks(found, each).values() for each in DIRECTIONS]
    both = [each for values in blocks for each in values]
    both += of_groups(found).values()
    return sum(len(pooled(by_backend)) for by_backend in both)
