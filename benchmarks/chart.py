"""Draws the chart of `docs/benchmarks.md`."""

from statistics import median

from benchmarks.summary import BACKENDS, pooled

COLOURS = {"jax": "#3b6fb6", "tensorflow": "#d9822b", "torch": "#7a3b8f"}
MARKERS = {"jax": "o", "tensorflow": "s", "torch": "D"}
TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3)


def draw(parts, path):
    """Draws ratios on a logarithmic axis, and saves them as a PNG file.

    A marker is the median on a backend, a line the range over all backends.

    Args:
        parts: Maps the title of a panel to its rows. A row maps a label to
            lists of ratios by backend.
        path: Path of the file.
    """
    # Without pyplot, no window system is needed.
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(8, 1.6 + 0.36 * sum(map(len, parts.values()))),
        layout="constrained",
    )
    panels = figure.subplots(
        len(parts),
        sharex=True,
        squeeze=False,
        height_ratios=[len(rows) for rows in parts.values()],
    )[:, 0]
    ratios = [
        ratio
        for rows in parts.values()
        for by_backend in rows.values()
        for ratio in pooled(by_backend)
    ]
    limits = min(ratios) / 1.3, max(ratios) * 1.3
    for axes, (title, rows) in zip(panels, parts.items(), strict=True):
        _draw_panel(axes, title, rows, limits)
    panels[-1].set_xlabel("our time / time of plain PyTorch", fontsize=15)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=len(labels),
        fontsize=15,
        frameon=False,
    )
    # Without the version of matplotlib, the same rows give the same file.
    figure.savefig(path, dpi=150, metadata={"Software": None})


def _draw_panel(axes, title, rows, limits):
    order = sorted(rows, key=lambda label: median(pooled(rows[label])))
    for y, label in enumerate(order):
        ratios = pooled(rows[label])
        axes.plot([min(ratios), max(ratios)], [y, y], color="#9aa3ad", lw=2)
    for backend, name in BACKENDS.items():
        there = [y for y, label in enumerate(order) if backend in rows[label]]
        axes.plot(
            [median(rows[order[y]][backend]) for y in there],
            there,
            linestyle="",
            marker=MARKERS[backend],
            markersize=8,
            color=COLOURS[backend],
            label=f"on {name}",
        )
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS], fontsize=15)
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(order)), order, fontsize=15)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.axvline(1, color="black", lw=1)
    axes.axvspan(1, limits[1], color="#b3261e", alpha=0.08, lw=0)
    axes.set_xlim(limits)
    axes.set_title(title, fontsize=15, loc="left")
    axes.set_title("slower", fontsize=15, loc="right", color="#b3261e")
