"""Throughput per watt over that of each platform, and the range that the paper states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dse.plots.style import LITERAL, Asked, nothing
from dse.results import Snapshot
from dse.results.ratios import BAND, BEST, COMMON, KNEE, KNOWN, Ratio, label, of_study

STYLES: dict[str, tuple[str, dict[str, Any]]] = {
    KNOWN: ("the known design", {"marker": "o", "facecolors": "none", "edgecolors": "#0b5394"}),
    BEST: ("the best design for the network", {"marker": "D", "color": "#0b5394"}),
    KNEE: ("the knee of the front", {"marker": "D", "color": "#0b5394"}),
}
BAND_COLOR, LINE_COLOR = "#f2d6b3", "#c8c8c8"
PROCESS_STYLE: dict[str, Any] = {"marker": "^", "facecolors": "none", "edgecolors": "#b45309"}
ROW_INCHES, AROUND_INCHES = 0.19, 1.3
"""Height of a line, and what is needed around the lines."""


def ratios_figure(study: Snapshot, asked: Asked) -> Drawing:
    """Draw throughput per watt of a study's designs over that of each platform, on a log axis.

    A peak's ratio is a lower bound and is drawn with an arrow.
    """
    return of_ratios(of_study(study), asked.width)


@mpl.rc_context(LITERAL)
def of_ratios(ratios: Sequence[Ratio], width: float) -> Drawing:
    """Draw ratios that are known; see `ratios_figure`."""
    if not ratios:
        return nothing(width, "no platform ran these networks")
    lines = list(dict.fromkeys((ratio.result.title, label(ratio)) for ratio in ratios))
    titles = list(dict.fromkeys(title for title, _ in lines))
    heights = [sum(line[0] == title for line in lines) for title in titles]
    size = (width, AROUND_INCHES + ROW_INCHES * (sum(heights) + 1.6 * len(heights)))
    drawing = Drawing(figsize=size, layout="constrained")
    panels = drawing.subplots(
        len(titles), sharex=True, height_ratios=[h + 0.6 for h in heights], squeeze=False
    )
    for axes, title in zip(panels[:, 0], titles, strict=True):
        _panel(axes, title, [r for r in ratios if r.result.title == title])
    _scale(panels[-1, 0])
    handles, entries = panels[0, 0].get_legend_handles_labels()
    drawing.legend(handles, entries, loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    return drawing


def _panel(axes: Axes, title: str, ratios: Sequence[Ratio]) -> None:
    names = list(dict.fromkeys(label(ratio) for ratio in ratios))
    axes.axvspan(*BAND, color=BAND_COLOR, zorder=0, label=f"the paper's range, {BAND[0]} to {BAND[1]}")
    axes.axvline(1, color="#808080", linewidth=0.8, zorder=1)
    others = dict.fromkeys(
        ratio.result.role for ratio in ratios if ratio.result.role not in (*STYLES, COMMON)
    )
    styles = STYLES | {name: (f"the known design in {name}", PROCESS_STYLE) for name in others}
    for role, (text, style) in styles.items():
        shown = [ratio for ratio in ratios if ratio.result.role == role]
        places = [names.index(label(ratio)) for ratio in shown]
        if not shown:
            continue
        axes.scatter([r.value for r in shown], places, s=22, linewidths=1.1, zorder=3, label=text, **style)
        for ratio, place in zip(shown, places, strict=True):
            if ratio.platform.peak:
                arrow = {"arrowstyle": "->", "color": style.get("edgecolors", style.get("color"))}
                axes.annotate("", (ratio.value * 1.9, place), (ratio.value, place), arrowprops=arrow)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_title(title, fontsize=8, loc="left", pad=2)
    axes.tick_params(length=0)
    axes.grid(axis="y", color=LINE_COLOR, linewidth=0.4, zorder=0.5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _scale(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("throughput per watt of the array over that of the platform", fontsize=8)
    axes.tick_params(axis="x", labelsize=8, length=3)
