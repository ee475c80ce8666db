"""Figures for papers: drawn, returned, never shown or saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from dse.metrics import Metric
from dse.record import TrialRecord
from dse.results import Results
from dse.results.references import Reference, near, references

COLUMN_INCHES = 3.5
"""Width of a column in the usual two-column layouts."""

FRONT, OTHER, ORIGINAL = "#0b5394", "#a8a8a8", "#b45309"
LINES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "original": (ORIGINAL, (5, 3)),
    "units": ("#7b1fa2", (1, 2)),
    "host": ("#7b1fa2", (6, 2, 1, 2)),
    "platform": ("#2e7d32", (10, 3)),
}
"""Colour and dashes of the lines of references, by kind; the dashes tell them apart in grey."""

COLOURS = "viridis"
"""What colours a front by a third objective: its lightness rises throughout, so that it serves in grey."""

NEAR_ONE = ("fidelity", "agreement", "cosine")
"""Figures whose interesting values crowd below 1: drawn as the distance that is left, on a log axis."""

LEAST_DISTANCE = 1e-8
LOG_SPAN = 20
"""Figures that span more than this factor get a log axis."""

LABEL_POINTS = 7
LABEL_INCHES = 0.055
"""Size of labels, in points, and the mean width of a letter of that size."""

MARK_INCHES, LINE_INCHES = 0.6, 0.13
"""What a legend's entry needs beside its text, and how high one is."""

DRAWN = ("trial", "Pareto front", "knee")
"""What a legend names first, before the references."""

AROUND_INCHES, BAR_INCHES = 0.8, 0.6
"""What a drawing needs beside its axes, and for a bar of colours."""

WIDE = 0.05
"""Above this span, ticks of an accuracy need no decimals."""

RASTERIZED = 1000
"""Above so many trials their points become one image inside an SVG or PDF, which stays small."""

DECADES = 4
"""Above this, an axis has a tick a decade; below, at 1, 2 and 5."""


def pareto_figure(study: Results, width: float = 2 * COLUMN_INCHES) -> Drawing:
    """Draw all finished trials, their Pareto front, and lines for what they are compared with.

    The front is a step line: what is between two designs can be had only by the better of them. Points of it
    are labelled with array, dataflow and segments where there is room. If the network has an accuracy that is
    no objective, a second panel shows it for the same trials. A third objective is the colour of the front.
    Lines are the unconverted network, the knee's array with dedicated units and with a host, and platforms
    that ran the same network, as far as they lie near the trials.

    Args:
        study: A study; it may have no finished trial.
        width: Inches.
    """
    quality, cost, *third = study.objectives
    trials, front = study.trials(), study.pareto()
    done, beside = trials[trials.state == "complete"], references(study)
    second = study.figures.get("accuracy")
    panels = [quality] if second in (None, quality, cost) else [quality, second]
    drawing = Drawing(figsize=(width, (0.5 + 0.22 * len(panels)) * width), layout="constrained")
    ratios = [3, 1.1][: len(panels)]
    axes: list[Axes] = list(
        drawing.subplots(len(panels), sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
    )
    for panel, figure in zip(axes, panels, strict=True):
        _scatter(panel, done, front, figure, cost)
        _scale(panel, "y", figure, done)
        _references(panel, "y", figure, done, beside)
        _references(panel, "x", cost, done, beside)
    _scale(axes[-1], "x", cost, done)
    axes[-1].set_xlabel(cost.heading, fontsize=9)
    axes[0].set_title(f"{study.name}: {len(done)} trials, {len(front)} on the front", fontsize=9, loc="left")
    if len(front):
        names = labels(study, front)
        (_coloured if third else _step)(axes[0], front, quality, cost, *third)
        _knee(axes[0], front, quality, cost)
        _make_room(axes[0], cost, names, width - BAR_INCHES * len(third))
        _label(axes[0], front, quality, cost, names)
    else:
        axes[0].text(0.5, 0.5, "no finished trial", transform=axes[0].transAxes, ha="center")
    _legend(drawing, axes, width)
    return drawing


def _legend(drawing: Drawing, axes: list[Axes], width: float) -> None:
    """Name everything that is drawn, once, in as many columns as there is room for, on a page made longer."""
    entries: dict[str, Any] = {}
    for panel in axes:
        handles, names = panel.get_legend_handles_labels()
        entries = dict(zip(names, handles, strict=True)) | entries
    ordered = sorted(entries, key=lambda name: name not in DRAWN)
    column = LABEL_INCHES * max(map(len, ordered), default=1) + MARK_INCHES
    columns = min(len(DRAWN), max(1, int(width / column)))
    drawing.set_figheight(drawing.get_figheight() + LINE_INCHES * max(0, -(-len(ordered) // columns) - 1))
    style: dict[str, Any] = {"ncols": columns, "fontsize": LABEL_POINTS, "frameon": False}
    handles = [entries[name] for name in ordered]
    drawing.legend(handles, ordered, loc="outside lower center", **style)


def labels(study: Results, front: pd.DataFrame) -> list[str]:
    """Name each design of a front in a few characters: its array, dataflow and tables."""
    records = study.records()
    return [label(records[number]) for number in front.number]


def label(record: TrialRecord) -> str:
    """Name a design by its array and tables: `16x32 ws int8, 4-16 uniform`, `8x8 os int16, 32 mixed`."""
    design, tables = record.design, list(record.tables.values())
    segments, placements = [t["segments"] for t in tables], {t["placement"] for t in tables}
    low, high = min(segments, default=0), max(segments, default=0)
    span = f"{low}" if low == high else f"{low}\N{EN DASH}{high}"
    placement = placements.pop() if len(placements) == 1 else "mixed"
    array = (
        f"{design['rows']}\N{MULTIPLICATION SIGN}{design['cols']} {design['dataflow']} {design['data_width']}"
    )
    return f"{array}, {span} {placement}"


def shown(values: pd.Series[Any], figure: Metric) -> pd.Series[Any]:
    """Return a figure as its axis shows it: the distance to 1 for those that crowd there, else as it is."""
    numbers = values.astype(float)
    return (1 - numbers).clip(lower=LEAST_DISTANCE) if figure.name in NEAR_ONE else numbers


def _scatter(axes: Axes, done: pd.DataFrame, front: pd.DataFrame, y: Metric, x: Metric) -> None:
    style: dict[str, Any] = {"linewidths": 0, "zorder": 2, "rasterized": len(done) > RASTERIZED}
    axes.scatter(shown(done[x.name], x), shown(done[y.name], y), s=12, c=OTHER, label="trial", **style)
    axes.scatter(shown(front[x.name], x), shown(front[y.name], y), s=24, c=FRONT, marker="D", **style)


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


def hue(values: pd.Series[Any], figure: Metric) -> pd.Series[Any]:
    """Return a figure as colours show it: as it is, or the decades to 1 for those that crowd there."""
    return np.log10(shown(values, figure)) if figure.name in NEAR_ONE else values.astype(float)


def hue_heading(figure: Metric) -> str:
    """Return the heading of what `hue` returns."""
    return f"log10 (1 − {figure.label})" if figure.name in NEAR_ONE else figure.heading


def _knee(axes: Axes, front: pd.DataFrame, y: Metric, x: Metric) -> None:
    chosen = front[front.knee]
    axes.scatter(
        shown(chosen[x.name], x), shown(chosen[y.name], y),
        s=90, facecolors="none", edgecolors=FRONT, linewidths=1.2, label="knee",
    )  # fmt: skip


def _make_room(axes: Axes, x: Metric, names: list[str], width: float) -> None:
    """Widen the axis on its better side, where nothing lies, so that labels stay inside."""
    axes.autoscale_view()
    share = max(map(len, names)) * LABEL_INCHES / (width - AROUND_INCHES)
    low, high = (axes.transScale.transform((value, 1))[0] for value in axes.get_xlim())
    room = (high - low) * share / (1 - share)
    ends = (low, high + room) if x.better == "higher" else (low - room, high)
    axes.set_xlim(*(axes.transScale.inverted().transform((end, 0))[0] for end in ends))


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
    axes: Axes, side: str, figure: Metric, done: pd.DataFrame, beside: Iterable[Reference]
) -> None:
    """Draw a line across the axis of a figure for each reference near the trials.

    The unconverted network's distance to itself is 0, which no log axis has.
    """
    if done.empty or figure.name in (*NEAR_ONE, "kl_divergence"):
        return
    line = axes.axhline if side == "y" else axes.axvline
    for reference in near(beside, figure.name, done[figure.name]):
        colour, dashes = LINES[reference.kind]
        style: dict[str, Any] = {"color": colour, "linestyle": (0, dashes), "linewidth": 1, "zorder": 1}
        line(reference.figures[figure.name], label=reference.told(figure), **style)


def _scale(axes: Axes, side: str, figure: Metric, done: pd.DataFrame) -> None:
    """Scale and label one axis so that better is up or right and the values that matter are apart."""
    axis = axes.yaxis if side == "y" else axes.xaxis
    values = shown(done[figure.name], figure)
    axis.set_tick_params(labelsize=8)
    if values.empty:
        return
    axes.grid(visible=True, axis="both", linewidth=0.4, color="#dddddd", zorder=0)
    if side == "y":
        axes.set_ylabel(figure.heading, fontsize=9)
    if figure.name in NEAR_ONE:
        axis.set_inverted(True)
    if figure.name in (*NEAR_ONE, "kl_divergence") or (
        len(values) and values.max() > LOG_SPAN * values.min() > 0
    ):
        getattr(axes, f"set_{side}scale")("log")
        many = values.max() > 10**DECADES * values.min()
        axis.set_major_locator(LogLocator(subs=(1.0,) if many else (1.0, 2.0, 5.0), numticks=12))
        axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(FuncFormatter(_from_one if figure.name in NEAR_ONE else _plain))
    elif figure.name == "accuracy":
        digits = 0 if np.ptp(values) > WIDE else 1
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))  # a quarter would need a digit more
        axis.set_major_formatter(PercentFormatter(1.0, decimals=digits, symbol="%"))


def _from_one(distance: float, _: int) -> str:
    """Write the distance to 1 as the value itself, with the digits that tell it from 1."""
    digits = max(0, int(np.ceil(-np.log10(distance) - 1e-9)))
    return f"{1 - distance:.{digits}f}"


def _plain(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
