"""What plots share: colours, sizes, and how a metric is shown on an axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from dse.metrics import Metric

LITERAL: dict[Any, Any] = {"text.parse_math": False}
"""Settings under which all text is taken as it is: a name with `$` in it is no formula. Every plot is drawn
under them, `@mpl.rc_context(LITERAL)`."""

COLUMN_INCHES = 3.5
WIDTH = 2 * COLUMN_INCHES
"""Width of a column in the usual two-column layouts, and of a figure unless another is asked for."""

FRONT, OTHER, ORIGINAL = "#0b5394", "#a8a8a8", "#b45309"
LINES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "original": (ORIGINAL, (5, 3)),
    "units": ("#7b1fa2", (1, 2)),
    "host": ("#7b1fa2", (6, 2, 1, 2)),
    "platform": ("#2e7d32", (10, 3)),
    "known": (ORIGINAL, (2, 2)),
}
"""Colour and dashes of the lines of references, by kind; the dashes tell them apart in grey."""

COLOURS = "viridis"
"""What colours a front by a third objective: its lightness rises throughout, so that it serves in grey."""

NEAR_ONE = ("fidelity", "agreement", "cosine")
"""Metrics whose interesting values crowd below 1: drawn as the distance that is left, on a log axis."""

LEAST_DISTANCE = 1e-8
LOG_SPAN = 20
"""Metrics that span more than this factor get a log axis."""

DECADES = 4
"""Above this, an axis has a tick a decade; below, at 1, 2 and 5."""

LEAST_SPAN = 0.02
"""What an axis of an accuracy spans at least, for shares that hardly differ."""

WIDE = 0.05
"""Above this span, ticks of an accuracy need no decimals."""

LABEL_POINTS = 7
"""Size of labels, in points."""


@dataclass(frozen=True)
class Asked:
    """How a plot shall be.

    Attributes:
        width: Inches.
        x: The metric across, of a plot whose axes can be chosen; None where it chooses.
        y: The metric up.
    """

    width: float = WIDTH
    x: Metric | None = None
    y: Metric | None = None


def shown(values: pd.Series[Any], metric: Metric) -> pd.Series[Any]:
    """Return a metric as its axis shows it: the distance to 1 for those that crowd there, else as it is."""
    numbers = values.astype(float)
    return (1 - numbers).clip(lower=LEAST_DISTANCE) if metric.name in NEAR_ONE else numbers


def hue(values: pd.Series[Any], metric: Metric) -> pd.Series[Any]:
    """Return a metric as colours show it: as it is, or the decades to 1 for those that crowd there."""
    return np.log10(shown(values, metric)) if metric.name in NEAR_ONE else values.astype(float)


def hue_heading(metric: Metric) -> str:
    """Return the heading of what `hue` returns."""
    return f"log10 (1 − {metric.label})" if metric.name in NEAR_ONE else metric.heading


def scale(axes: Axes, side: str, metric: Metric, values: pd.Series[Any]) -> None:
    """Scale and label one axis so that better is up or right and the values that matter are apart.

    Args:
        axes: Where.
        side: "x" or "y".
        metric: What is on the axis.
        values: Its values, as `shown` gives them.
    """
    axis = axes.yaxis if side == "y" else axes.xaxis
    axis.set_tick_params(labelsize=8)
    if values.empty:
        return
    axes.grid(visible=True, axis="both", linewidth=0.4, color="#dddddd", zorder=0)
    if side == "y":
        axes.set_ylabel(metric.heading, fontsize=9)
    if metric.name in NEAR_ONE:
        axis.set_inverted(True)
    if metric.name in (*NEAR_ONE, "kl_divergence") or values.max() > LOG_SPAN * values.min() > 0:
        getattr(axes, f"set_{side}scale")("log")
        many = values.max() > 10**DECADES * values.min()
        axis.set_major_locator(LogLocator(subs=(1.0,) if many else (1.0, 2.0, 5.0), numticks=12))
        axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(FuncFormatter(_from_one if metric.name in NEAR_ONE else _plain))
    elif metric.name == "accuracy":
        digits = 0 if np.ptp(values) > WIDE else 1
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))  # a quarter would need a digit more
        axis.set_major_formatter(PercentFormatter(1.0, decimals=digits, symbol="%"))
    else:
        axis.set_major_formatter(FuncFormatter(_plain))


def share_limits(low: float, high: float) -> tuple[float, float]:
    """Return the ends of an axis of shares that lie between two: no share is above 1."""
    room = 0.15 * max(high - low, LEAST_SPAN)
    return low - room, min(high + room, 1.0 + room / 3)


def nothing(width: float, text: str) -> Drawing:
    """Return a figure that says in words why nothing is drawn."""
    drawing = Drawing(figsize=(width, 0.3 * width), layout="constrained")
    drawing.text(0.5, 0.5, text, ha="center", va="center", fontsize=9)
    return drawing


def _from_one(distance: float, _: int) -> str:
    """Write the distance to 1 as the value itself, with the digits that tell it from 1."""
    digits = max(0, int(np.ceil(-np.log10(distance) - 1e-9)))
    return f"{1 - distance:.{digits}f}"


def _plain(value: float, _: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
