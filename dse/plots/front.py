"""All designs of a study over two metrics, the front among them, and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from dse.metrics import METRICS, Metric
from dse.plots.style import (
    COLOURS,
    FRONT,
    LABEL_POINTS,
    LINES,
    LITERAL,
    NEAR_ONE,
    OTHER,
    Asked,
    hue,
    hue_heading,
    scale,
    share_limits,
    shown,
)
from dse.results import Snapshot
from dse.results.references import Reference, near, references

LABEL_INCHES = 0.055
"""The mean width of a letter of a label."""

MARK_INCHES, LINE_INCHES = 0.6, 0.13
"""What a legend's entry needs beside its text, and how high one is."""

DRAWN = ("trial", "design", "Pareto front", "knee")
"""What a legend names first, before the references."""

COLUMNS = 3
AROUND_INCHES, BAR_INCHES = 0.8, 0.6
"""What a drawing needs beside its axes, and for a bar of colours."""

RASTERIZED = 1000
"""Above so many points they become one image inside an SVG or PDF, which stays small."""

BESIDE = ("area_mm2", "throughput_per_watt")
"""What a study of one objective is drawn over, the first that is another metric."""


@mpl.rc_context(LITERAL)
def front_figure(study: Snapshot, asked: Asked) -> Drawing:
    """Draw all finished trials, their Pareto front, and lines for what they are compared with.

    The front of two objectives is a step line: what is between two designs can be had only by the better of
    them. Points of it are labelled with array, dataflow and segments where there is room. If the network has
    an accuracy that is no objective, a second panel shows it for the same trials. A further objective is the
    colour of the front. Lines are the unconverted network, the knee's array with dedicated units and with a
    host, the known design, and platforms that ran the same network, as far as they lie near the trials.
    """
    width = asked.width
    up, across = axes_of(study, asked)
    further = [metric for metric in study.objectives if metric not in (up, across)][:1]
    front, done, beside = study.front, points(study), references(study)
    second = study.metrics.get("accuracy")
    panels = [up] if second in (None, up, across) else [up, second]
    drawing = Drawing(figsize=(width, (0.5 + 0.22 * len(panels)) * width), layout="constrained")
    ratios = [3, 1.1][: len(panels)]
    axes: list[Axes] = list(
        drawing.subplots(len(panels), sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
    )
    for panel, metric in zip(axes, panels, strict=True):
        _scatter(panel, done, front, metric, across, _noun(study))
        scale(panel, "y", metric, shown(done[metric.name], metric))
        _references(panel, "y", metric, done, beside)
        _references(panel, "x", across, done, beside)
        if metric.name == "accuracy" and len(done):
            panel.set_ylim(share_limits(*panel.dataLim.intervaly))
    scale(axes[-1], "x", across, shown(done[across.name], across))
    axes[-1].set_xlabel(across.heading, fontsize=9)
    axes[0].set_title(title(study), fontsize=9, loc="left")
    if len(front):
        names = [_cut(study.label(number), width) for number in front.number]
        if further:
            _coloured(axes[0], front, up, across, *further)
        elif set(study.objectives) == {up, across}:
            _step(axes[0], front, up, across)
        _knee(axes[0], front, up, across)
        _make_room(axes[0], across, names, width - BAR_INCHES * len(further))
        _label(axes[0], front, up, across, names)
    else:
        axes[0].text(0.5, 0.5, "no finished trial", transform=axes[0].transAxes, ha="center")
    _legend(drawing, axes, width)
    return drawing


def axes_of(study: Snapshot, asked: Asked | None = None) -> tuple[Metric, Metric]:
    """Return the metrics up and across: those asked for, else the first objectives that are left."""
    x, y = (asked.x, asked.y) if asked else (None, None)
    spare = [*study.objectives, *(METRICS[name] for name in BESIDE)]
    free = iter([metric for metric in dict.fromkeys(spare) if metric not in (x, y)])
    up = y or next(free)
    return up, x or next(free)


def points(study: Snapshot) -> pd.DataFrame:
    """Return what is drawn beside the front: finished trials, and of a sweep a sample of all designs."""
    return pd.concat([study.done, study.sample]) if len(study.sample) else study.done


def title(study: Snapshot) -> str:
    """Say what a picture is of."""
    if study.swept:
        return f"{study.name}: {study.swept:,} designs, {len(study.front)} choices on the front"
    return f"{study.name}: {len(study.done)} trials, {len(study.front)} on the front"


def _noun(study: Snapshot) -> str:
    return "design" if study.swept else "trial"


def _legend(drawing: Drawing, axes: Sequence[Axes], width: float) -> None:
    """Name everything that is drawn, once, in as many columns as there is room for, on a page made longer."""
    entries: dict[str, Any] = {}
    for panel in axes:
        handles, names = panel.get_legend_handles_labels()
        entries = dict(zip(names, handles, strict=True)) | entries
    ordered = sorted(entries, key=lambda name: name not in DRAWN)
    column = LABEL_INCHES * max(map(len, ordered), default=1) + MARK_INCHES
    columns = min(COLUMNS, max(1, int(width / column)))
    drawing.set_figheight(drawing.get_figheight() + LINE_INCHES * max(0, -(-len(ordered) // columns) - 1))
    style: dict[str, Any] = {"ncols": columns, "fontsize": LABEL_POINTS, "frameon": False}
    drawing.legend([entries[name] for name in ordered], ordered, loc="outside lower center", **style)


def _scatter(axes: Axes, done: pd.DataFrame, front: pd.DataFrame, y: Metric, x: Metric, noun: str) -> None:
    style: dict[str, Any] = {"linewidths": 0, "zorder": 2, "rasterized": len(done) > RASTERIZED}
    axes.scatter(shown(done[x.name], x), shown(done[y.name], y), s=12, c=OTHER, label=noun, **style)
    axes.scatter(
        shown(front[x.name], x),
        shown(front[y.name], y),
        s=24,
        c=FRONT,
        marker="D",
        label="Pareto front",
        **style,
    )


def _step(axes: Axes, front: pd.DataFrame, y: Metric, x: Metric) -> None:
    ordered = front.sort_values(x.name)
    axes.step(
        shown(ordered[x.name], x),
        shown(ordered[y.name], y),
        where="pre" if x.better == "higher" else "post",
        color=FRONT,
        linewidth=1.2,
        marker="D",
        markersize=4,
        label="Pareto front",
    )


def _coloured(axes: Axes, front: pd.DataFrame, y: Metric, x: Metric, colour: Metric) -> None:
    """Draw a front of three objectives as points; no line joins them, as none is better in all."""
    drawn = axes.scatter(
        shown(front[x.name], x), shown(front[y.name], y), c=hue(front[colour.name], colour),
        s=24, marker="D", cmap=COLOURS, label="Pareto front", zorder=3,
    )  # fmt: skip
    figure = axes.get_figure(root=True)
    bar = figure.colorbar(drawn, ax=figure.axes, pad=0.02, aspect=40)  # type: ignore[union-attr]
    bar.set_label(hue_heading(colour), fontsize=8)
    bar.ax.tick_params(labelsize=LABEL_POINTS)


def _knee(axes: Axes, front: pd.DataFrame, y: Metric, x: Metric) -> None:
    chosen = front[front.knee]
    axes.scatter(
        shown(chosen[x.name], x), shown(chosen[y.name], y),
        s=90, facecolors="none", edgecolors=FRONT, linewidths=1.2, label="knee",
    )  # fmt: skip


def _cut(text: str, width: float) -> str:
    """Shorten a label to half of the drawing's width, by whole parts."""
    parts = text.split(", ")
    while len(parts) > 1 and len(", ".join(parts)) * LABEL_INCHES > 0.5 * (width - AROUND_INCHES):
        parts.pop()
    return ", ".join(parts)


def _make_room(axes: Axes, x: Metric, names: list[str], width: float) -> None:
    """Widen the axis on its better side, where nothing lies, so that labels stay inside."""
    axes.autoscale_view()
    share = max(map(len, names)) * LABEL_INCHES / (width - AROUND_INCHES)
    low, high = (axes.transScale.transform((value, 1))[0] for value in axes.get_xlim())
    room = (high - low) * share / (1 - share)
    ends = (low, high + room) if x.better == "higher" else (low - room, high)
    left, right = (axes.transScale.inverted().transform((end, 0))[0] for end in ends)
    axes.set_xlim(max(left, 0.0) if axes.get_xscale() == "linear" else left, right)  # no metric is negative


def _label(axes: Axes, front: pd.DataFrame, y: Metric, x: Metric, names: list[str]) -> None:
    """Label the knee, the ends, and what lies far enough from a labelled point."""
    points = np.column_stack([shown(front[x.name], x), shown(front[y.name], y)])
    heights = axes.transData.transform(points)[:, 1] * 72 / axes.get_figure(root=True).dpi  # type: ignore[union-attr]
    rows = np.arange(len(front))
    taken: list[int] = []
    for row in dict.fromkeys([*rows[front.knee], 0, rows[-1], *rows]):
        if all(abs(heights[row] - heights[other]) > 1.4 * LABEL_POINTS for other in taken):
            taken.append(int(row))
            axes.annotate(
                names[row], points[row], (7 * x.sign, 0), textcoords="offset points", fontsize=LABEL_POINTS,
                ha="left" if x.better == "higher" else "right", va="center", zorder=3,
            )  # fmt: skip


def _references(
    axes: Axes, side: str, metric: Metric, done: pd.DataFrame, beside: Iterable[Reference]
) -> None:
    """Draw a line across the axis of a figure for each reference near the trials.

    The unconverted network's distance to itself is 0, which no log axis has.
    """
    if done.empty or metric.name in (*NEAR_ONE, "kl_divergence"):
        return
    line = axes.axhline if side == "y" else axes.axvline
    for reference in near(beside, metric.name, done[metric.name]):
        colour, dashes = LINES[reference.kind]
        style: dict[str, Any] = {"color": colour, "linestyle": (0, dashes), "linewidth": 1, "zorder": 1}
        line(reference.metrics[metric.name], label=_literal(reference.told(metric)), **style)


def _literal(text: str) -> str:
    """Keep matplotlib from leaving out of the legend what begins with an underscore."""
    return f"\N{ZERO WIDTH SPACE}{text}" if text.startswith("_") else text
